package model

import (
	"time"

	"go.yaml.in/yaml/v4"

	"multirunner/workflow/expression"
)

// Value is a value of a workflow as it is written, before evaluation, with its
// place. The zero Value is absent. It never holds an alias or a merge key.
type Value struct {
	node *yaml.Node
	at   *place
}

// place is where a Value belongs.
type place struct {
	file string
	job  string
	step int
	key  string
}

// IsZero tells whether the value is absent. A key with nothing behind it, or
// with null, is not.
func (v Value) IsZero() bool { return v.node == nil }

// Node gives the YAML behind the value, nil when absent. It must not be changed.
func (v Value) Node() *yaml.Node { return v.node }

// Line gives the line that the value starts at, 0 when absent.
func (v Value) Line() int {
	if v.node == nil {
		return 0
	}
	return v.node.Line
}

// Pair is an entry of an evaluated mapping.
type Pair struct{ Key, Value string }

// Text gives a scalar as it is written, "" for null, absent and anything else.
func (v Value) Text() string { return "" }

// Eval gives the value with its expressions evaluated: typed scalars, arrays
// and objects. Absent gives Null.
func (v Value) Eval(scope expression.Scope) (expression.Value, error) {
	return expression.Null, nil
}

// EvalString gives a scalar as text. Without expressions it is the text as
// written (1.10 stays "1.10"), as the server writes it into payloads. Absent
// and null give "". Lists and mappings are errors.
func (v Value) EvalString(scope expression.Scope) (string, error) { return "", nil }

// EvalBool gives a boolean, also one written as a string. Absent, null and the
// empty string give the fallback, anything else is an error.
func (v Value) EvalBool(scope expression.Scope, fallback bool) (bool, error) { return fallback, nil }

// EvalNumber gives a number, also one written as a string; false for absent,
// null and the empty string; anything else is an error.
func (v Value) EvalNumber(scope expression.Scope) (float64, bool, error) { return 0, false, nil }

// EvalMinutes gives the duration of a timeout-minutes; 0 for none: absent,
// empty, zero or negative.
func (v Value) EvalMinutes(scope expression.Scope) (time.Duration, error) { return 0, nil }

// EvalMap gives a mapping of texts in file order, by the rules of EvalString.
// Later keys replace earlier ones that are equal. Absent and null give none.
func (v Value) EvalMap(scope expression.Scope) ([]Pair, error) { return nil, nil }

// EvalCondition gives an `if`: absent and empty mean success(), and without a
// status function success() && (cond) is meant. The scope must have them.
func (v Value) EvalCondition(scope expression.Scope) (bool, error) { return false, nil }

// Get gives the value of a key of a mapping, absent when there is none.
func (v Value) Get(key string) Value { return Value{} }

// Keys gives the keys of a mapping in file order, nil for anything else.
func (v Value) Keys() []string { return nil }

// Items gives the entries of a list, nil for anything else.
func (v Value) Items() []Value { return nil }

// Errorf gives an error at the value's place.
func (v Value) Errorf(format string, args ...any) *Error { return nil }
