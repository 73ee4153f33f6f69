package expression

import (
	"errors"
	"math"
	"testing"
)

// testContexts is what the expressions of the tests are evaluated over.
const testContexts = `{
  "github": {"ref": "refs/heads/main", "event_name": "push", "run_number": 7, "actor": "Mona",
    "event": {"issue": {"labels": [{"name": "bug", "id": 1}, {"name": "Help wanted", "id": 2}, {"id": 3}, "loose", null]}}},
  "matrix": {"os": "linux", "node": 20, "experimental": false, "include": null},
  "env": {"EMPTY": "", "ZERO": "0", "PATH-LIKE": "a/b"},
  "list": ["a", "b", "C"],
  "numbers": [3, 1, 2],
  "mixed": [null, true, 1.5, "x", [1], {"k": "v"}],
  "grid": [[1, 2], [3], [], "no", {"0": "zero"}],
  "empty": [],
  "none": {},
  "other": {"a": {"x": 1}, "b": {"x": 2}, "c": {"y": 3}, "d": [4, 5], "e": 6},
  "nothing": null,
  "text": "Hello"
}`

func testScope(t testing.TB) Scope {
	t.Helper()
	contexts, err := FromJSON(testContexts)
	if err != nil {
		t.Fatal(err)
	}
	constant := func(v Value) Function {
		return Function{Call: func([]Value) (Value, error) { return v, nil }}
	}
	return ScopeOf(contexts, map[string]Function{
		"success":   constant(True),
		"always":    constant(True),
		"failure":   constant(False),
		"cancelled": constant(False),
		"count":     {MaxArgs: -1, Call: func(args []Value) (Value, error) { return Number(float64(len(args))), nil }},
		"pair":      {MinArgs: 1, MaxArgs: 2, Call: func(args []Value) (Value, error) { return args[0], nil }},
		"boom":      {Call: func([]Value) (Value, error) { return Null, errBoom }},
	})
}

var errBoom = errors.New("it went wrong")

// same tells whether two values are alike in kind and content, arrays and
// objects item by item; NaN is like NaN.
func same(a, b Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case KindNumber:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case KindArray, KindObject:
		return a.JSON() == b.JSON()
	}
	return a == b
}

// js gives the value of a JSON document.
func js(src string) Value {
	v, err := FromJSON(src)
	if err != nil {
		panic(err)
	}
	return v
}

type evalCase struct {
	expr string
	want Value
}

func runEvalCases(t *testing.T, cases []evalCase) {
	t.Helper()
	scope := testScope(t)
	for _, c := range cases {
		t.Run(c.expr, func(t *testing.T) {
			e, err := Parse(c.expr)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Eval(scope)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, c.want) {
				t.Errorf("got %s %s, want %s %s", got.Kind(), got.JSON(), c.want.Kind(), c.want.JSON())
			}
		})
	}
}
