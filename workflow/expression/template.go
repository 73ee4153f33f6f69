package expression

import (
	"fmt"
	"slices"
	"strings"
)

// Template is a text with ${{ }} parts, parsed. It is immutable and safe for
// concurrent use.
type Template struct {
	src   string
	parts []part
}

// part is a piece of text, or an expression.
type part struct {
	text string
	expr *Expr
}

// ParseTemplate parses a text with any number of ${{ }} parts. Every error is
// an *Error.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{src: text}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "${{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			break
		}
		end, ok := expressionEnd(after)
		if !ok {
			return nil, &Error{Stage: StageLexing, Expr: "${{" + after,
				Message: "The expression is not closed", Hint: "Every ${{ needs a }} outside of quotes"}
		}
		e, err := Parse(strings.TrimSpace(after[:end]))
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part{expr: e})
		rest = after[end+len("}}"):]
	}
	return t, nil
}

// expressionEnd finds the }} that ends an expression: not one in quotes.
func expressionEnd(s string) (int, bool) {
	quoted := false
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && s[i] == '}' && s[i+1] == '}':
			return i, true
		}
	}
	return 0, false
}

// String gives the source.
func (t *Template) String() string { return t.src }

// IsLiteral tells whether the text has no expression.
func (t *Template) IsLiteral() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.expr != nil })
}

// Names gives the contexts that occur, in lower case, each once.
func (t *Template) Names() []string {
	var names []string
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		for _, name := range p.expr.Names() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Calls tells whether any of the functions occurs, whatever the case of its
// name.
func (t *Template) Calls(names ...string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.expr != nil && p.expr.Calls(names...) })
}

// Check is Expr.Check for all parts.
func (t *Template) Check(scope Scope) error {
	for _, p := range t.parts {
		if p.expr == nil {
			continue
		}
		if err := p.expr.Check(scope); err != nil {
			return err
		}
	}
	return nil
}

// Eval gives the template's value: of its only expression, when nothing else
// stands in the text, with its kind; otherwise a string with the texts of all
// parts. Every error is an *Error.
func (t *Template) Eval(scope Scope) (Value, error) {
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		return t.parts[0].expr.Eval(scope)
	}
	if t.IsLiteral() {
		return String(t.src), nil
	}
	lookup := memoized(scope.Lookup)
	budget := newBudget()
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.eval(scope, lookup, budget)
		if err != nil {
			return Null, err
		}
		text := v.Text()
		if !budget.spend(len(text)) {
			return Null, (&evaluation{expr: p.expr}).tooMuch(-1)
		}
		b.WriteString(text)
	}
	return String(b.String()), nil
}

// memoized looks every context up once.
func memoized(lookup lookupFunc) lookupFunc {
	if lookup == nil {
		return nil
	}
	known := make(map[string]Value)
	return func(context string) (Value, bool) {
		if v, ok := known[context]; ok {
			return v, true
		}
		v, ok := lookup(context)
		if ok {
			known[context] = v
		}
		return v, ok
	}
}

// source gives the template as one expression: its only part, or a format of
// all of them.
func (t *Template) source() string {
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		return t.parts[0].expr.src
	}
	escape := strings.NewReplacer("'", "''", "{", "{{", "}", "}}")
	var format, args strings.Builder
	n := 0
	for _, p := range t.parts {
		if p.expr == nil {
			format.WriteString(escape.Replace(p.text))
			continue
		}
		fmt.Fprintf(&format, "{%d}", n)
		args.WriteString(", " + p.expr.src)
		n++
	}
	return "format('" + format.String() + "'" + args.String() + ")"
}
