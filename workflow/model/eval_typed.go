package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"multirunner/workflow/expression"
)

// maxTimeout is what longer timeouts are cut to, so that deadlines do not overflow.
const maxTimeout = 10 * 365 * 24 * time.Hour

// Pair is an entry of an evaluated mapping of texts.
type Pair struct{ Key, Value string }

// EvalString gives a scalar as text. Without expressions it is the text as
// written (1.10 stays "1.10"), as the server writes it into payloads. Absent
// and null give "". Lists and mappings are errors.
func (v Value) EvalString(scope expression.Scope) (string, error) {
	e := evaluator{scope: scope}
	got, err := e.asText(v)
	return got.Text(), err
}

// asText gives a String, or an error for what is not a scalar.
func (e *evaluator) asText(v Value) (expression.Value, error) {
	if v.IsNull() {
		return expression.String(""), nil
	}
	if !v.IsScalar() {
		return expression.Null, v.Errorf("must be a text, not %s", kindName(v.node))
	}
	if !v.IsExpression() {
		return expression.String(v.node.Value), nil
	}
	got, err := e.scalar(v)
	if err != nil {
		return expression.Null, err
	}
	if !primitive(got) {
		return expression.Null, v.Errorf("must be a text, the expression gives a value of type %s", got.Kind())
	}
	return expression.String(got.Text()), nil
}

func primitive(v expression.Value) bool {
	return v.Kind() != expression.KindArray && v.Kind() != expression.KindObject
}

// evalScalar gives a typed scalar, without white space around a string.
// Absent and "" give Null. It is an error for what is not a scalar.
func (v Value) evalScalar(scope expression.Scope, want string) (expression.Value, error) {
	got, err := v.Eval(scope)
	if err != nil {
		return expression.Null, err
	}
	if !primitive(got) {
		return expression.Null, v.Errorf("must be %s, not a value of type %s", want, got.Kind())
	}
	if got.Kind() != expression.KindString {
		return got, nil
	}
	text := strings.TrimSpace(got.Text())
	if text == "" {
		return expression.Null, nil
	}
	return expression.String(text), nil
}

// EvalBool gives a boolean, also one written as a string. Absent, null and the
// empty string give the fallback, anything else is an error.
func (v Value) EvalBool(scope expression.Scope, fallback bool) (bool, error) {
	got, err := v.evalScalar(scope, "true or false")
	if err != nil {
		return fallback, err
	}
	switch got.Kind() {
	case expression.KindNull:
		return fallback, nil
	case expression.KindBoolean:
		return got.Truthy(), nil
	}
	switch strings.ToLower(got.Text()) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return fallback, v.Errorf("must be true or false, not %s", shown(got.Text()))
}

// EvalNumber gives a number, also one written as a string; false for absent,
// null and the empty string; anything else is an error.
func (v Value) EvalNumber(scope expression.Scope) (float64, bool, error) {
	got, err := v.evalScalar(scope, "a number")
	if err != nil {
		return 0, false, err
	}
	if got.Kind() == expression.KindNull {
		return 0, false, nil
	}
	f := got.Float()
	if got.Kind() == expression.KindBoolean || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, false, v.Errorf("must be a number, not %s", shown(got.Text()))
	}
	return f, true, nil
}

// EvalMinutes gives the duration of a timeout-minutes, which may be a fraction
// or a string; 0 for none: absent, empty, zero or negative.
func (v Value) EvalMinutes(scope expression.Scope) (time.Duration, error) {
	minutes, ok, err := v.EvalNumber(scope)
	if err != nil || !ok || minutes <= 0 {
		return 0, err
	}
	if minutes >= maxTimeout.Minutes() {
		return maxTimeout, nil
	}
	return max(1, time.Duration(minutes*float64(time.Minute))), nil
}

// EvalMap gives a mapping of texts in file order, by the rules of EvalString; a
// ${{ }} may stand for the whole. Of equal keys the last one counts. Absent and
// null give none.
func (v Value) EvalMap(scope expression.Scope) ([]Pair, error) {
	if v.IsNull() {
		return nil, nil
	}
	e := evaluator{scope: scope}
	if v.IsMapping() {
		pairs, err := e.mapping(v, e.asText)
		if err != nil {
			return nil, err
		}
		return v.textPairs(pairs)
	}
	got, err := e.eval(v)
	if err != nil {
		return nil, err
	}
	switch {
	case got.Kind() == expression.KindNull && v.IsExpression():
		return nil, nil
	case got.Kind() != expression.KindObject:
		return nil, v.Errorf("must be a mapping, not a value of type %s", got.Kind())
	}
	var pairs []expression.Pair
	for _, key := range got.Keys() {
		item, _ := got.Get(key)
		pairs = append(pairs, expression.Pair{Key: key, Value: item})
	}
	return v.textPairs(pairs)
}

func (v Value) textPairs(from []expression.Pair) ([]Pair, error) {
	pairs := make([]Pair, 0, len(from))
	index := make(map[string]int, len(from))
	for _, p := range from {
		if !primitive(p.Value) {
			return nil, v.Errorf("%s must be a text, not a value of type %s", shown(p.Key), p.Value.Kind())
		}
		pair := Pair{p.Key, p.Value.Text()}
		if i, again := index[p.Key]; again {
			pairs[i] = pair
			continue
		}
		index[p.Key] = len(pairs)
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

// EvalCondition gives an `if`: absent and empty mean success(), and without a
// status function success() && (cond) is meant. The scope must have them.
func (v Value) EvalCondition(scope expression.Scope) (bool, error) {
	if v.node != nil && !v.IsScalar() {
		return false, v.Errorf("must be a condition, not %s", kindName(v.node))
	}
	cond, err := expression.Condition(v.Text())
	if err != nil {
		return false, v.Errorf("%w", err)
	}
	got, err := cond.Eval(scope)
	if err != nil {
		return false, v.Errorf("%w", err)
	}
	return got.Truthy(), nil
}

// excerpt keeps what somebody wrote short in an error.
func excerpt(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// shown names what an expression gave in an error: the whole of it, or only its
// length. A secret in it is masked later, which a part of one would not be.
func shown(s string) string {
	const limit = 80
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("a text of %d bytes", len(s))
}
