package model

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multirunner/workflow/expression"
)

var evalContexts = map[string]any{
	"vars": map[string]any{
		"n": 5, "yes": true, "text": "t", "empty": "", "list": []any{1, "b"}, "object": map[string]any{"A": 1, "B": "two"}, "minutes": "1.5",
		"nested": map[string]any{"A": []any{1}}, "none": nil,
	},
}

func TestEvalKeepsTypes(t *testing.T) {
	for source, want := range map[string]string{
		"plain":                               `"plain"`,
		"${{ vars.n }}":                       `5`,
		"${{ vars.yes }}":                     `true`,
		"${{ vars.object }}":                  `{"A":1,"B":"two"}`,
		"a ${{ vars.n }} b":                   `"a 5 b"`,
		"${{ vars.missing }}":                 `null`,
		"'${{ ''}}'' }}'":                     `"}}"`,
		"[1, true, ~, x, '${{ vars.list }}']": `[1,true,null,"x",[1,"b"]]`,
		"{a: 1, b: {c: '${{ vars.text }}'}}":  `{"a":1,"b":{"c":"t"}}`,
		"{'k${{ vars.n }}': 1}":               `{"k5":1}`,
		"{'${{ vars.n }}': 1}":                `{"5":1}`,
		"{'${{ insert }}': '${{ vars.object }}', b: 3, c: 4}": `{"A":1,"B":3,"c":4}`,
		"{a: 1, '${{insert}}': {b: 2}}":                       `{"a":1,"b":2}`,
		"{a: 1, '${{ insert }}': '${{ vars.none }}'}":         `{"a":1}`,
	} {
		t.Run(source, func(t *testing.T) {
			got, err := value(t, source).Eval(scope(evalContexts))
			if err != nil {
				t.Fatal(err)
			}
			if compact(got) != want {
				t.Errorf("%s, want %s", compact(got), want)
			}
		})
	}
	if got, err := (Value{}).Eval(scope(nil)); err != nil || got.Kind() != expression.KindNull {
		t.Errorf("absent gives %v, %v, want Null", got, err)
	}
}

func TestEvalErrorsNameThePlace(t *testing.T) {
	const place = `x.yml:1: job "a": step 2: `
	for name, tt := range map[string]struct {
		eval func(Value, expression.Scope) error
		from string
		want string
	}{
		"unknown context":  {evalOnly, "${{ nothing.x }}", place + "v: "},
		"in a list":        {evalOnly, "[a, '${{ nothing.x }}']", place + "v[1]: "},
		"in a mapping":     {evalOnly, "{k: {l: '${{ fromJSON(vars.text) }}'}}", place + "v.k.l: "},
		"in a key":         {evalOnly, "{'${{ nothing.x }}': 1}", place},
		"not closed":       {evalOnly, "${{ vars.n", place + "v: "},
		"insert of a list": {evalOnly, "{'${{ insert }}': [1]}", "insert takes a mapping, not a value of type Array"},
		"string of a list": {stringOnly, "[a]", place + "v: must be a text, not a list"},
		"string of object": {stringOnly, "${{ vars.object }}", place + "v: must be a text, the expression gives a value of type Object"},
		"bool of text":     {boolOnly, "${{ vars.text }}", place + `v: must be true or false, not "t"`},
		"bool of number":   {boolOnly, "1", place + `v: must be true or false, not "1"`},
		"bool of list":     {boolOnly, "${{ vars.list }}", place + `v: must be true or false, not a value of type Array`},
		"number of text":   {numberOnly, "${{ vars.text }}", place + `v: must be a number, not "t"`},
		"number of bool":   {numberOnly, "${{ vars.yes }}", place + `v: must be a number, not "true"`},
		"map of text":      {mapOnly, "${{ vars.text }}", place + `v: must be a mapping, not a value of type String`},
		"map of nothing":   {mapOnly, "[a]", place + `v: must be a mapping, not a value of type Array`},
		"map in map":       {mapOnly, "{a: {b: c}}", place + `v.a: must be a text, not a mapping`},
		"map in object":    {mapOnly, "${{ vars.nested }}", place + `v: "A" must be a text, not a value of type Array`},
		"condition":        {conditionOnly, "nothing.x == 1", place + "v: "},
		"condition list":   {conditionOnly, "[a]", place + "v: must be a condition, not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.eval(value(t, tt.from), scope(evalContexts))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want an *Error with %q", err, tt.want)
			}
			var inner *expression.Error
			if strings.Contains(tt.from, "nothing") && !errors.As(err, &inner) {
				t.Errorf("%v does not wrap the expression's error", err)
			}
		})
	}
}

func evalOnly(v Value, s expression.Scope) error      { _, err := v.Eval(s); return err }
func stringOnly(v Value, s expression.Scope) error    { _, err := v.EvalString(s); return err }
func boolOnly(v Value, s expression.Scope) error      { _, err := v.EvalBool(s, true); return err }
func numberOnly(v Value, s expression.Scope) error    { _, _, err := v.EvalNumber(s); return err }
func mapOnly(v Value, s expression.Scope) error       { _, err := v.EvalMap(s); return err }
func conditionOnly(v Value, s expression.Scope) error { _, err := v.EvalCondition(s); return err }

func TestEvalStringKeepsLiteralsAsWritten(t *testing.T) {
	for source, want := range map[string]string{
		"1.10": "1.10", "0755": "0755", "True": "True", "2020-01-01": "2020-01-01", "~": "", "": "", "'  x '": "  x ",
		"${{ vars.n }}": "5", "v${{ vars.n }}": "v5", "${{ vars.missing }}": "", "${{ vars.yes }}": "true",
	} {
		got, err := value(t, source).EvalString(scope(evalContexts))
		if err != nil || got != want {
			t.Errorf("%s gives %q, %v, want %q", source, got, err, want)
		}
	}
}

func TestEvalBoolTakesStrings(t *testing.T) {
	for source, want := range map[string]bool{
		"true": true, "'true'": true, "False": false, "'FALSE'": false, "${{ vars.yes }}": true, "${{ !vars.yes }}": false,
		"": true, "''": true, "~": true, "${{ vars.empty }}": true, "${{ vars.missing }}": true,
	} {
		got, err := value(t, source).EvalBool(scope(evalContexts), true)
		if err != nil || got != want {
			t.Errorf("%q gives %v, %v, want %v", source, got, err, want)
		}
	}
	if got, err := (Value{}).EvalBool(scope(nil), true); err != nil || !got {
		t.Errorf("absent gives %v, %v, want the fallback", got, err)
	}
}

func TestTimeoutMinutesIsANumberAFractionOrAString(t *testing.T) {
	for source, want := range map[string]time.Duration{
		"5": 5 * time.Minute, "1.5": 90 * time.Second, "'2'": 2 * time.Minute, "' 0.25 '": 15 * time.Second, "${{ vars.n }}": 5 * time.Minute,
		"${{ vars.minutes }}": 90 * time.Second, "0": 0, "-1": 0, "": 0, "''": 0, "${{ vars.missing }}": 0, "1e300": maxTimeout, "1e-300": 1,
	} {
		got, err := value(t, source).EvalMinutes(scope(evalContexts))
		if err != nil || got != want {
			t.Errorf("%s gives %v, %v, want %v", source, got, err, want)
		}
	}
}

func TestEvalMapKeepsOrderAndTexts(t *testing.T) {
	for source, want := range map[string][]Pair{
		"":                                    nil,
		"{}":                                  {},
		"{B: 1.10, a: '${{ vars.n }}', A: ~}": {{"B", "1.10"}, {"a", "5"}, {"A", ""}},
		"${{ vars.object }}":                  {{"A", "1"}, {"B", "two"}},
		"${{ vars.missing }}":                 nil,
		"{A: 0, '${{ insert }}': '${{ vars.object }}', C: 3}": {{"A", "1"}, {"B", "two"}, {"C", "3"}},
		"{'x${{ vars.n }}': y}":                               {{"x5", "y"}},
	} {
		got, err := value(t, source).EvalMap(scope(evalContexts))
		if err != nil {
			t.Errorf("%s: %v", source, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}

func TestEvalConditionFollowsTheRulesOfIf(t *testing.T) {
	failed := scope(evalContexts)
	failed.Functions["success"] = failed.Functions["failure"]
	for source, want := range map[string][2]bool{ // after success, after failure
		"":                      {true, false},
		"~":                     {true, false},
		"true":                  {true, false},
		"false":                 {false, false},
		"0":                     {false, false},
		"always()":              {true, true},
		"${{ always() }}":       {true, true},
		"vars.n == 5":           {true, false},
		"${{ vars.n }} == 6":    {true, false}, // text beside an expression: a string
		"always() && vars.none": {false, false},
	} {
		for i, s := range []expression.Scope{scope(evalContexts), failed} {
			got, err := value(t, source).EvalCondition(s)
			if err != nil || got != want[i] {
				t.Errorf("%q gives %v, %v, want %v", source, got, err, want[i])
			}
		}
	}
	if got, err := (Value{}).EvalCondition(scope(nil)); err != nil || !got {
		t.Errorf("absent gives %v, %v, want true", got, err)
	}
}

func TestTextOfExpressionsIsBounded(t *testing.T) {
	contexts := map[string]any{"vars": map[string]any{"long": strings.Repeat("x", 1<<20)}}
	v := value(t, "["+strings.Repeat("'a${{ vars.long }}',", 100)+"]")
	_, err := v.Eval(scope(contexts))
	if want := fmt.Sprintf("expressions give more than %d bytes of text", maxEvaluated); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestAccessorsOfOtherKindsGiveNothing(t *testing.T) {
	list, mapping, text := value(t, "[a]"), value(t, "{a: b}"), value(t, "a")
	if list.Keys() != nil || mapping.Items() != nil || text.Keys() != nil || text.Items() != nil {
		t.Error("a kind has what it cannot have")
	}
	if !list.Get("a").IsZero() || !text.Get("a").IsZero() || !mapping.Get("b").IsZero() || !(Value{}).Get("a").IsZero() {
		t.Error("Get finds what is not there")
	}
	if list.Text() != "" || mapping.Text() != "" || (Value{}).Text() != "" {
		t.Error("a text of what is none")
	}
	if (Value{}).Line() != 0 || (Value{}).Node() != nil || !(Value{}).IsNull() || text.IsNull() || text.Node().Value != "a" {
		t.Error("absent is not absent")
	}
	if diff := cmp.Diff([]string{"a"}, mapping.Keys()); diff != "" {
		t.Error(diff)
	}
}
