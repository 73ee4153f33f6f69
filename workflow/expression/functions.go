package expression

import (
	"math"
	"strings"
)

var (
	nan      = math.NaN()
	infinity = math.Inf(1)
)

// builtinFunc evaluates a call. It evaluates the arguments that it needs.
type builtinFunc func(ev *evaluation, c *callNode) (Value, *Error)

type builtin struct {
	name             string
	minArgs, maxArgs int
	call             builtinFunc
	verify           func(e *Expr, c *callNode) *Error // when parsed; may be nil
}

func (b builtin) check(e *Expr, c *callNode) *Error {
	if b.verify == nil {
		return nil
	}
	return b.verify(e, c)
}

// builtins are the functions of the language, by lower-case name.
var builtins = map[string]builtin{
	"case":       {"case", 3, maxArgs, callCase, verifyCase},
	"contains":   {"contains", 2, 2, callContains, nil},
	"endswith":   {"endsWith", 2, 2, callEndsWith, nil},
	"format":     {"format", 1, maxArgs, callFormat, verifyFormat},
	"fromjson":   {"fromJSON", 1, 1, callFromJSON, nil},
	"join":       {"join", 1, 2, callJoin, nil},
	"startswith": {"startsWith", 2, 2, callStartsWith, nil},
	"tojson":     {"toJSON", 1, 1, callToJSON, nil},
}

func verifyCase(e *Expr, c *callNode) *Error {
	if len(c.args)%2 == 1 {
		return nil
	}
	return &Error{Stage: StageParsing, Pos: c.pos, Expr: e.src,
		Message: "Even number of parameters supplied, requires an odd number of parameters: '" + c.name + "'",
		Hint:    "Give pairs of a predicate and a value, and the default at the end"}
}

// callCase gives the value behind the first predicate that is true, or the
// last argument. Only what is needed for that is evaluated.
func callCase(ev *evaluation, c *callNode) (Value, *Error) {
	last := len(c.args) - 1
	for i := 0; i < last; i += 2 {
		predicate, err := c.args[i].eval(ev)
		if err != nil {
			return Null, err
		}
		if predicate.kind != KindBoolean {
			return Null, ev.fail(c.pos, "case predicate must evaluate to a boolean value: predicate %d is of kind %s", i/2+1, predicate.kind)
		}
		if predicate.Truthy() {
			return c.args[i+1].eval(ev)
		}
	}
	return c.args[last].eval(ev)
}

// callContains looks for a text in a text, ignoring case, or for an item of an
// array that equals.
func callContains(ev *evaluation, c *callNode) (Value, *Error) {
	in, err := c.args[0].eval(ev)
	if err != nil || in.kind == KindObject {
		return False, err
	}
	what, err := c.args[1].eval(ev)
	if err != nil {
		return False, err
	}
	if in.kind == KindArray {
		for _, item := range in.arr.items {
			if what.Equal(item) {
				return True, nil
			}
		}
		return False, nil
	}
	return Bool(what.primitive() && containsFold(in.Text(), what.Text())), nil
}

func callStartsWith(ev *evaluation, c *callNode) (Value, *Error) {
	return ev.compareEnds(c, strings.HasPrefix)
}

func callEndsWith(ev *evaluation, c *callNode) (Value, *Error) {
	return ev.compareEnds(c, strings.HasSuffix)
}

func (ev *evaluation) compareEnds(c *callNode, has func(s, part string) bool) (Value, *Error) {
	s, err := c.args[0].eval(ev)
	if err != nil || !s.primitive() {
		return False, err
	}
	part, err := c.args[1].eval(ev)
	if err != nil || !part.primitive() {
		return False, err
	}
	return Bool(has(foldCase(s.Text()), foldCase(part.Text()))), nil
}

// callJoin puts the texts of an array's items together. A value that is no
// collection is its own text, an object is nothing.
func callJoin(ev *evaluation, c *callNode) (Value, *Error) {
	of, err := c.args[0].eval(ev)
	switch {
	case err != nil:
		return Null, err
	case of.kind == KindObject:
		return String(""), nil
	case of.kind != KindArray:
		return String(of.Text()), nil
	}
	separator := ","
	if len(c.args) > 1 && len(of.arr.items) > 1 {
		v, err := c.args[1].eval(ev)
		if err != nil {
			return Null, err
		}
		if v.primitive() {
			separator = v.Text()
		}
	}
	var b strings.Builder
	for i, item := range of.arr.items {
		text := item.Text()
		if i > 0 {
			if !ev.budget.spend(len(separator)) {
				return Null, ev.tooMuch(c.pos)
			}
			b.WriteString(separator)
		}
		if !ev.budget.spend(len(text)) {
			return Null, ev.tooMuch(c.pos)
		}
		b.WriteString(text)
	}
	return String(b.String()), nil
}

func callToJSON(ev *evaluation, c *callNode) (Value, *Error) {
	v, err := c.args[0].eval(ev)
	if err != nil {
		return Null, err
	}
	w := jsonWriter{limit: ev.budget.left}
	if !w.value(v, 0) || !ev.budget.spend(len(w.buf)) {
		return Null, ev.tooMuch(c.pos)
	}
	return String(string(w.buf)), nil
}

func callFromJSON(ev *evaluation, c *callNode) (Value, *Error) {
	v, err := c.args[0].eval(ev)
	if err != nil {
		return Null, err
	}
	r := jsonReader{src: v.Text(), budget: ev.budget}
	parsed, problem := r.document()
	switch {
	case problem == errTooMuch:
		return Null, ev.tooMuch(c.pos)
	case problem != nil:
		return Null, ev.fail(c.pos, "Error parsing fromJson: %v", problem)
	}
	return parsed, nil
}
