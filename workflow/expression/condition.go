package expression

import "strings"

// Condition parses an `if`, with or without ${{ }} around it. An empty one is
// success(), and one that calls none of success, failure, cancelled and always
// gets success() && before it. Text beside a ${{ }} makes the whole a string,
// which is true unless it is empty: what authors get from GitHub too.
func Condition(src string) (*Expr, error) {
	if strings.TrimSpace(src) == "" {
		return Parse("success()")
	}
	e, err := conditionExpr(src)
	if err != nil {
		return nil, err
	}
	if e.Calls("success", "failure", "cancelled", "always") {
		return e, nil
	}
	return e.afterSuccess(), nil
}

func conditionExpr(src string) (*Expr, error) {
	t, err := ParseTemplate(src)
	switch {
	case err != nil:
		return nil, err
	case t.IsLiteral():
		return Parse(src)
	}
	return Parse(t.source())
}

// afterSuccess gives success() && (e).
func (e *Expr) afterSuccess() *Expr {
	success := &callNode{name: "success", slot: len(e.calls)}
	guarded := *e
	guarded.calls = append(guarded.calls[:len(e.calls):len(e.calls)], ref{lower: "success", text: "success"})
	guarded.names = append(guarded.names[:len(e.names):len(e.names)], "success")
	guarded.root = &logicNode{and: true, operands: []node{success, e.root}}
	return &guarded
}
