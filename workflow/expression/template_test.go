package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplate(t *testing.T) {
	cases := []struct {
		text string
		want Value
	}{
		{"", String("")},
		{"plain }} text $ {{ x }}", String("plain }} text $ {{ x }}")},
		{"${{ 1 }}", Number(1)},
		{"${{null}}", Null},
		{"${{ matrix.experimental }}", False},
		{"${{ list }}", js(`["a", "b", "C"]`)},
		{"${{ other.a }}", js(`{"x": 1}`)},
		{" ${{ 1 }}", String(" 1")},
		{"${{ 1 }}\n", String("1\n")},
		{"${{ 1 }}${{ 2 }}", String("12")},
		{"a ${{ matrix.os }} b ${{ matrix.node }} c", String("a linux b 20 c")},
		{"${{ list }} and ${{ none }} and ${{ nothing }}", String("Array and Object and ")},
		{"${{ '}}' }}", String("}}")},
		{"${{ '${{' }}", String("${{")},
		{"${{ 'it''s }}' }}!", String("it's }}!")},
		{"{0} {{ ${{ 1 }} '", String("{0} {{ 1 '")},
		{"$${{ 1 }}}", String("$1}")},
		{"${{\n  github.ref ==\n  'x'\n}}", False},
		{"${{ format('{0}', 1) }}", String("1")},
		{"${{ format('{{{0}}}', 1) }}${{ 2 }}", String("{1}2")},
		{"ä${{ 'ö' }}ü", String("äöü")},
	}
	scope := testScope(t)
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			tmpl, err := ParseTemplate(c.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tmpl.Eval(scope)
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, c.want) {
				t.Errorf("got %s %s, want %s %s", got.Kind(), got.JSON(), c.want.Kind(), c.want.JSON())
			}
			if literal := !strings.Contains(c.text, "${{"); tmpl.IsLiteral() != literal {
				t.Errorf("literal is %t", tmpl.IsLiteral())
			}
			if tmpl.String() != c.text {
				t.Errorf("the source became %q", tmpl.String())
			}
			if err := tmpl.Check(scope); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTemplateErrors(t *testing.T) {
	cases := map[string]string{
		"${{":                        "The expression is not closed",
		"a ${{ 'x }} b":              "The expression is not closed. Located at position 1 within expression: ${{ 'x }} b",
		"${{ 1 }":                    "The expression is not closed",
		"${{ 1 }} ${{":               "The expression is not closed",
		"${{ }}":                     "An expression was expected",
		"${{}}":                      "An expression was expected",
		"${{ 1 }} and ${{ 1 + }}":    "Unexpected symbol: '+'. Located at position 3 within expression: 1 +",
		"${{ nope }}":                "Unrecognized named-value: 'nope'",
		"a ${{ nope() }}":            "Unrecognized function: 'nope'",
		"a ${{ fromJSON('x') }} b":   "Error parsing fromJson",
		"a ${{ true && {{ 1 }} }}":   "Unexpected symbol: '{{'",
		"${{ 1 }}${{ format('}') }}": "Invalid format string",
	}
	scope := testScope(t)
	for text, want := range cases {
		t.Run(text, func(t *testing.T) {
			tmpl, err := ParseTemplate(text)
			if err == nil {
				_, err = tmpl.Eval(scope)
			}
			failure := new(Error)
			if !errors.As(err, &failure) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestTemplateMemoryIsBounded(t *testing.T) {
	tmpl, err := ParseTemplate(strings.Repeat("${{ big }},", 100))
	if err != nil {
		t.Fatal(err)
	}
	_, err = tmpl.Eval(ScopeOf(NewObject(Pair{"big", String(strings.Repeat("x", 1<<20))}), nil))
	if err == nil || !strings.Contains(err.Error(), "32 MiB") {
		t.Errorf("got %.200v", err)
	}
}

func TestNamesAndCalls(t *testing.T) {
	text := "${{ Steps.a.outputs.b || contains(env.X, matrix.steps) }} ${{ ENV.Y && HashFiles('x') }} ${{ format('{0}', success()) }}"
	tmpl, err := ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"steps", "env", "matrix"}, tmpl.Names()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{
		"contains": true, "hashfiles": true, "hashFiles": true, "SUCCESS": true, "format": true,
		"failure": false, "steps": false, "": false,
	} {
		if tmpl.Calls(name) != want {
			t.Errorf("%s: got %t", name, !want)
		}
	}
	if !tmpl.Calls("always", "success") || tmpl.Calls() || tmpl.Calls("always", "failure") {
		t.Error("Calls takes any of the names")
	}
	e, err := Parse("a.b && A && c['d'] || f(g)")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c", "g"}, e.Names()); diff != "" {
		t.Error(diff)
	}
	if e.String() != "a.b && A && c['d'] || f(g)" {
		t.Errorf("the source became %q", e)
	}
}

func TestCondition(t *testing.T) {
	type status struct{ success, failure, cancelled bool }
	fine, failed, stopped := status{success: true}, status{failure: true}, status{cancelled: true}
	cases := []struct {
		src  string
		at   status
		want bool
	}{
		{"", fine, true},
		{"", failed, false},
		{"  \n", failed, false},
		{"success()", failed, false},
		{"${{ success() }}", fine, true},
		{"true", fine, true},
		{"true", failed, false},
		{"true", stopped, false},
		{"${{ true }}", failed, false},
		{"false", fine, false},
		{"0", fine, false},
		{"github.ref == 'refs/heads/main'", fine, true},
		{"github.ref == 'refs/heads/main'", failed, false},
		{"${{ github.ref == 'x' }}", fine, false},
		{"false || true", failed, false}, // success() guards the whole of it
		{"always()", failed, true},
		{"always()", stopped, true},
		{"ALWAYS()", failed, true},
		{"failure()", failed, true},
		{"failure()", fine, false},
		{"failure()", stopped, false},
		{"cancelled()", stopped, true},
		{"!success()", stopped, true},
		{"!cancelled()", failed, true},
		{"github.ref == 'x' || failure()", failed, true},
		{"contains(toJSON(always()), 'true') && true", failed, true}, // anywhere in the tree
		{"${{ failure() && github.actor == 'mona' }}", failed, true},
		{"matrix.node", fine, true},
		{"''", fine, false},
		{"env.EMPTY", fine, false},
		{"env.ZERO", fine, true},
		{"${{ false }} ", fine, true}, // mixed text is a string, and not empty
		{"${{ false }} ", failed, false},
		{"${{ false }}\n", fine, true},
		{"x ${{ 'a' }}", fine, true},
		{"{0} '${{ false }}' }", fine, true},
		{"${{ failure() }} x", fine, true},
		{"${{ false }}${{ false }}", fine, true},
		{"${{ '' }}${{ '' }}", fine, false},
	}
	for _, c := range cases {
		t.Run(c.src, func(t *testing.T) {
			scope := testScope(t)
			constant := func(b bool) Function {
				return Function{Call: func([]Value) (Value, error) { return Bool(b), nil }}
			}
			scope.Functions = map[string]Function{
				"success": constant(c.at.success), "failure": constant(c.at.failure),
				"cancelled": constant(c.at.cancelled), "always": constant(true),
			}
			e, err := Condition(c.src)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Eval(scope)
			if err != nil {
				t.Fatal(err)
			}
			if got.Truthy() != c.want {
				t.Errorf("at %+v got %s", c.at, got.JSON())
			}
		})
	}
}

func TestConditionTellsWhatItCalls(t *testing.T) {
	for src, want := range map[string]bool{
		"":               true,
		"github.ref":     true, // success() is put before it
		"always()":       false,
		"a && Failure()": false,
	} {
		e, err := Condition(src)
		if err != nil {
			t.Fatal(err)
		}
		if e.Calls("success") != want {
			t.Errorf("%q: calls success is %t", src, !want)
		}
	}
}

func TestConditionErrors(t *testing.T) {
	for src, want := range map[string]string{
		"a = b":            "Unexpected symbol: '='",
		"${{ a = b }}":     "Unexpected symbol: '='",
		"${{ }}":           "An expression was expected",
		"${{ a":            "The expression is not closed",
		"x ${{ 1 + 1 }}":   "Unexpected symbol: '+'",
		"always":           "Unrecognized named-value: 'always'",
		"secrets.X != ''":  "Unrecognized named-value: 'secrets'",
		"github.ref == 'x": "Unexpected symbol: ''x'",
	} {
		t.Run(src, func(t *testing.T) {
			e, err := Condition(src)
			if err == nil {
				_, err = e.Eval(testScope(t))
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
