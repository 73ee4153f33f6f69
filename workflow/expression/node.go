package expression

import (
	"errors"
	"fmt"
	"math"
)

// node is a part of a parsed expression.
type node interface {
	eval(ev *evaluation) (Value, *Error)
}

// evaluation is one run of an expression.
type evaluation struct {
	expr      *Expr
	contexts  []Value    // by slot of contextNode
	functions []Function // by slot of callNode
	budget    *budget
}

func (ev *evaluation) fail(pos int, format string, args ...any) *Error {
	return &Error{Stage: StageEvaluation, Pos: pos, Expr: ev.expr.src, Message: fmt.Sprintf(format, args...)}
}

type literalNode struct{ value Value }

func (n literalNode) eval(*evaluation) (Value, *Error) { return n.value, nil }

type contextNode struct{ slot int }

func (n *contextNode) eval(ev *evaluation) (Value, *Error) { return ev.contexts[n.slot], nil }

type notNode struct{ of node }

func (n *notNode) eval(ev *evaluation) (Value, *Error) {
	v, err := n.of.eval(ev)
	return Bool(!v.Truthy()), err
}

// logicNode is && or ||: it gives the operand that decides, and evaluates none
// behind it.
type logicNode struct {
	and      bool
	operands []node
}

// add takes an operand over and gives its depth; the operands of a like node
// are taken instead of the node.
func (n *logicNode) add(t tree) int {
	if like, ok := t.node.(*logicNode); ok && like.and == n.and {
		n.operands = append(n.operands, like.operands...)
		return t.depth - 1
	}
	n.operands = append(n.operands, t.node)
	return t.depth
}

func (n *logicNode) eval(ev *evaluation) (v Value, err *Error) {
	for _, operand := range n.operands {
		v, err = operand.eval(ev)
		if err != nil || v.Truthy() != n.and {
			break
		}
	}
	return v, err
}

type compareNode struct {
	op          string
	left, right node
}

func (n *compareNode) eval(ev *evaluation) (Value, *Error) {
	a, err := n.left.eval(ev)
	if err != nil {
		return Null, err
	}
	b, err := n.right.eval(ev)
	if err != nil {
		return Null, err
	}
	switch n.op {
	case "==":
		return Bool(a.Equal(b)), nil
	case "!=":
		return Bool(!a.Equal(b)), nil
	case "<":
		return Bool(less(a, b)), nil
	case "<=":
		return Bool(less(a, b) || a.Equal(b)), nil
	case ">":
		return Bool(less(b, a)), nil
	}
	return Bool(less(b, a) || a.Equal(b)), nil
}

// wildcardNode is `.*` and `[*]`.
type wildcardNode struct{ of node }

func (n *wildcardNode) eval(ev *evaluation) (Value, *Error) {
	v, err := n.of.eval(ev)
	if err != nil {
		return Null, err
	}
	var items []Value
	if v.arr == nil || !v.arr.filtered {
		items = v.elements()
	} else {
		for _, item := range v.arr.items {
			items = append(items, item.elements()...)
		}
	}
	if !ev.budget.spend(len(items) * valueSize) {
		return Null, ev.tooMuch(-1)
	}
	return newArray(items, true), nil
}

// elements gives what `.*` takes out of one value.
func (v Value) elements() []Value {
	if v.obj != nil {
		return v.obj.values
	}
	return v.Items()
}

// indexNode is `.name` and `[key]`.
type indexNode struct{ of, key node }

func (n *indexNode) eval(ev *evaluation) (Value, *Error) {
	of, err := n.of.eval(ev)
	if err != nil || of.primitive() {
		return Null, err
	}
	key, err := n.key.eval(ev)
	if err != nil {
		return Null, err
	}
	if of.arr == nil || !of.arr.filtered {
		v, _ := of.at(key)
		return v, nil
	}
	found := make([]Value, 0, len(of.arr.items))
	for _, item := range of.arr.items {
		if v, ok := item.at(key); ok {
			found = append(found, v)
		}
	}
	if !ev.budget.spend(len(found) * valueSize) {
		return Null, ev.tooMuch(-1)
	}
	return newArray(found, true), nil
}

// at gives what an array has at an index, or an object under a key.
func (v Value) at(key Value) (Value, bool) {
	switch {
	case v.obj != nil && key.primitive():
		return v.Get(key.Text())
	case v.arr != nil:
		i := math.Floor(key.Float())
		if i >= 0 && i < float64(len(v.arr.items)) {
			return v.arr.items[int(i)], true
		}
	}
	return Null, false
}

// callNode is a call of a built-in function, or of one of the scope's.
type callNode struct {
	pos     int
	name    string
	builtin builtinFunc
	slot    int
	args    []node
}

func (n *callNode) eval(ev *evaluation) (Value, *Error) {
	if n.builtin != nil {
		return n.builtin(ev, n)
	}
	args := make([]Value, len(n.args))
	for i, arg := range n.args {
		v, err := arg.eval(ev)
		if err != nil {
			return Null, err
		}
		args[i] = v
	}
	v, err := ev.functions[n.slot].Call(args)
	if err == nil {
		return v, nil
	}
	if inner, ok := errors.AsType[*Error](err); ok {
		return Null, inner
	}
	failure := ev.fail(n.pos, "%s: %v", n.name, err)
	failure.Err = err
	return Null, failure
}
