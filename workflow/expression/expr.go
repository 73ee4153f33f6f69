package expression

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Expr is a parsed expression. It is immutable and safe for concurrent use.
type Expr struct {
	src      string
	root     node
	contexts []ref    // each context once, in order of appearance
	calls    []ref    // each call of a function that is not built in
	names    []string // of all functions that are called, in lower case
}

// ref is a name that the scope must know.
type ref struct {
	lower string
	text  string // as written
	pos   int
	args  int
}

// String gives the source.
func (e *Expr) String() string { return e.src }

// Names gives the contexts that occur, in lower case, each once.
func (e *Expr) Names() []string {
	names := make([]string, len(e.contexts))
	for i, c := range e.contexts {
		names[i] = c.lower
	}
	return names
}

// Calls tells whether any of the functions occurs, whatever the case of its
// name.
func (e *Expr) Calls(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.Contains(e.names, strings.ToLower(name))
	})
}

// context gives the slot of a context's value.
func (e *Expr) context(t token) int {
	lower := strings.ToLower(t.text)
	for i, c := range e.contexts {
		if c.lower == lower {
			return i
		}
	}
	e.contexts = append(e.contexts, ref{lower: lower, text: t.text, pos: t.pos})
	return len(e.contexts) - 1
}

func (e *Expr) called(lower string) {
	if !slices.Contains(e.names, lower) {
		e.names = append(e.names, lower)
	}
}

// Check tells whether the scope has all contexts and functions that occur,
// with the right number of arguments. Eval does the same first: a name that is
// not known is an error even where it would not be evaluated.
func (e *Expr) Check(scope Scope) error {
	if _, err := e.bind(scope, scope.Lookup); err != nil {
		return err
	}
	return nil
}

// Eval gives the expression's value. Every error is an *Error.
func (e *Expr) Eval(scope Scope) (Value, error) {
	v, err := e.eval(scope, scope.Lookup, newBudget())
	if err != nil {
		return Null, err
	}
	return v, nil
}

func (e *Expr) eval(scope Scope, lookup lookupFunc, budget *budget) (Value, *Error) {
	ev, err := e.bind(scope, lookup)
	if err != nil {
		return Null, err
	}
	ev.budget = budget
	return e.root.eval(ev)
}

type lookupFunc func(context string) (Value, bool)

// bind looks up all names.
func (e *Expr) bind(scope Scope, lookup lookupFunc) (*evaluation, *Error) {
	ev := &evaluation{expr: e}
	if len(e.contexts) > 0 {
		ev.contexts = make([]Value, len(e.contexts))
	}
	if len(e.calls) > 0 {
		ev.functions = make([]Function, len(e.calls))
	}
	for i, c := range e.contexts {
		v, ok := Null, false
		if lookup != nil {
			v, ok = lookup(c.lower)
		}
		if !ok {
			return nil, e.unknown("named-value", c, scope.Contexts)
		}
		ev.contexts[i] = v
	}
	for i, c := range e.calls {
		fn, ok := scope.Functions[c.lower]
		if !ok {
			return nil, e.unknown("function", c, scope.functionNames())
		}
		limit := fn.MaxArgs
		if limit < 0 {
			limit = maxArgs
		}
		if err := e.checkArgs(c.pos, c.text, c.args, fn.MinArgs, limit); err != nil {
			return nil, err
		}
		ev.functions[i] = fn
	}
	return ev, nil
}

func (e *Expr) unknown(what string, r ref, available []string) *Error {
	hint := ""
	if len(available) > 0 {
		available = slices.Sorted(slices.Values(available))
		hint = "Available here: " + strings.Join(available, ", ")
	}
	return &Error{Stage: StageParsing, Pos: r.pos, Expr: e.src, Message: fmt.Sprintf("Unrecognized %s: '%s'", what, r.text), Hint: hint}
}

func (e *Expr) checkArgs(pos int, name string, n, minArgs, maxArgs int) *Error {
	message, hint := "", ""
	switch {
	case n < minArgs:
		message, hint = "Too few parameters supplied", "It takes at least "+strconv.Itoa(minArgs)
	case n > maxArgs:
		message, hint = "Too many parameters supplied", "It takes at most "+strconv.Itoa(maxArgs)
	default:
		return nil
	}
	return &Error{Stage: StageParsing, Pos: pos, Expr: e.src, Message: message + ": '" + name + "'", Hint: hint}
}
