package expression

import (
	"errors"
	"strings"
	"testing"
)

// evalAny parses and evaluates, whichever fails.
func evalAny(src string, scope Scope) (Value, error) {
	e, err := Parse(src)
	if err != nil {
		return Null, err
	}
	return e.Eval(scope)
}

func TestErrorsNameStageAndPlace(t *testing.T) {
	cases := []struct {
		expr    string
		stage   Stage
		message string // with the place
	}{
		{"a = b", StageLexing, "Unexpected symbol: '='. Located at position 3 within expression: a = b. Compare with =="},
		{"a & b", StageLexing, "Unexpected symbol: '&'. Located at position 3"},
		{"a |b", StageLexing, "Unexpected symbol: '|b'. Located at position 3"},
		{`"double"`, StageLexing, `Unexpected symbol: '"double"'. Located at position 1 within expression: "double". Strings are in single quotes`},
		{"'open", StageLexing, "Unexpected symbol: ''open'. Located at position 1"},
		{"'open''", StageLexing, "Unexpected symbol: ''open'''. Located at position 1"},
		{"github.a@b", StageLexing, "Unexpected symbol: 'a@b'. Located at position 8"},
		{"$x", StageLexing, "Unexpected symbol: '$x'. Located at position 1"},
		{"größe", StageLexing, "Unexpected symbol: 'größe'. Located at position 1"},
		{"'ü😀' == ~", StageLexing, "Unexpected symbol: '~'. Located at position 10"}, // in UTF-16
		{"1x", StageLexing, "Unexpected symbol: '1x'. Located at position 1"},
		{"1.2.3", StageLexing, "Unexpected symbol: '1.2.3'. Located at position 1"},
		{"1_000", StageLexing, "Unexpected symbol: '1_000'"},
		{"0x", StageLexing, "Unexpected symbol: '0x'"},
		{"0x1ffffffff", StageLexing, "Unexpected symbol: '0x1ffffffff'"},
		{"0o8", StageLexing, "Unexpected symbol: '0o8'"},
		{"0X1", StageLexing, "Unexpected symbol: '0X1'"},
		{"-0x1", StageLexing, "Unexpected symbol: '-0x1'"},
		{"1e", StageLexing, "Unexpected symbol: '1e'"},
		{"-", StageLexing, "Unexpected symbol: '-'"},
		{"--1", StageLexing, "Unexpected symbol: '--1'"},
		{"-NaN", StageLexing, "Unexpected symbol: '-NaN'"},
		{"1*2", StageLexing, "Unexpected symbol: '1*2'"},
		{"list*", StageLexing, "Unexpected symbol: 'list*'"},
		{"(.x)", StageLexing, "Unexpected symbol: '.x'"},
		{"\x00", StageLexing, "Unexpected symbol: '\x00'"},
		{"\xff\xfe", StageLexing, "Unexpected symbol"},

		{"", StageParsing, "An expression was expected"},
		{" \t\n", StageParsing, "An expression was expected"},
		{"1 2", StageParsing, "Unexpected symbol: '2'. Located at position 3 within expression: 1 2"},
		{"list list", StageParsing, "Unexpected symbol: 'list'. Located at position 6"},
		{"list.1", StageParsing, "Unexpected symbol: '1'. Located at position 6"},
		{"list.'a'", StageParsing, "Unexpected symbol: ''a''. Located at position 6"},
		{"list..a", StageParsing, "Unexpected symbol: '.'. Located at position 6"},
		{"list.", StageParsing, "Unexpected end of expression: '.'. Located at position 5"},
		{"list[", StageParsing, "Unexpected end of expression: '['. Located at position 5"},
		{"list[0", StageParsing, "Unexpected end of expression: '0'. Located at position 6"},
		{"list[]", StageParsing, "Unexpected symbol: ']'. Located at position 6"},
		{"list[0,1]", StageParsing, "Unexpected symbol: ','. Located at position 7"},
		{"list[* == 1]", StageParsing, "Unexpected symbol: '=='"},
		{"list[0)", StageParsing, "Unexpected symbol: ')'"},
		{"*", StageParsing, "Unexpected symbol: '*'"},
		{"'a'[0]", StageParsing, "Unexpected symbol: '['"},
		{"'a'.b", StageParsing, "Unexpected symbol: '.'"},
		{"true.b", StageParsing, "Unexpected symbol: '.'"},
		{"null(1)", StageParsing, "Unexpected symbol: '('"},
		{"(1", StageParsing, "Unexpected end of expression: '1'"},
		{"1)", StageParsing, "Unexpected symbol: ')'"},
		{"()", StageParsing, "Unexpected symbol: ')'"},
		{",", StageParsing, "Unexpected symbol: ','"},
		{"count(1,)", StageParsing, "Unexpected symbol: ')'. Located at position 9"},
		{"count(,1)", StageParsing, "Unexpected symbol: ','. Located at position 7"},
		{"count(1 2)", StageParsing, "Unexpected symbol: '2'"},
		{"count(1", StageParsing, "Unexpected end of expression: '1'"},
		{"1 ==", StageParsing, "Unexpected end of expression: '=='"},
		{"== 1", StageParsing, "Unexpected symbol: '=='"},
		{"1 == == 1", StageParsing, "Unexpected symbol: '=='. Located at position 6"},
		{"!", StageParsing, "Unexpected end of expression: '!'"},
		{"1 ! 2", StageParsing, "Unexpected symbol: '!'"},
		{"&& 1", StageParsing, "Unexpected symbol: '&&'"},
		{"list - 1", StageLexing, "Unexpected symbol: '-'"},

		{"nope", StageParsing, "Unrecognized named-value: 'nope'. Located at position 1 within expression: nope. Available here: empty, env, github, grid"},
		{"true || nope.x", StageParsing, "Unrecognized named-value: 'nope'. Located at position 9"},
		{"True", StageParsing, "Unrecognized named-value: 'True'"},
		{"nan", StageParsing, "Unrecognized named-value: 'nan'"},
		{"false && nope(1)", StageParsing, "Unrecognized function: 'nope'. Located at position 10 within expression: false && nope(1). Available here: always, boom, cancelled, case, contains"},
		{"contains('a')", StageParsing, "Too few parameters supplied: 'contains'. Located at position 1 within expression: contains('a'). It takes at least 2"},
		{"1 == Contains(1, 2, 3)", StageParsing, "Too many parameters supplied: 'Contains'. Located at position 6"},
		{"join()", StageParsing, "Too few parameters supplied: 'join'"},
		{"toJSON(1, 2)", StageParsing, "Too many parameters supplied: 'toJSON'"},
		{"format()", StageParsing, "Too few parameters supplied: 'format'"},
		{"case(true, 1)", StageParsing, "Too few parameters supplied: 'case'"},
		{"case(true, 1, false, 2)", StageParsing, "Even number of parameters supplied, requires an odd number of parameters: 'case'"},
		{"success(1)", StageParsing, "Too many parameters supplied: 'success'"},
		{"pair()", StageParsing, "Too few parameters supplied: 'pair'"},
		{"count(" + strings.Repeat("1,", 255) + "1)", StageParsing, "Too many parameters supplied: 'count'"},

		{"format('{0')", StageParsing, "Invalid format string"},
		{"format('{', 1)", StageParsing, "Invalid format string"},
		{"format('}', 1)", StageParsing, "Invalid format string"},
		{"format('{0}}', 1)", StageParsing, "Invalid format string"},
		{"format('{}', 1)", StageParsing, "Invalid format string"},
		{"format('{a}', 1)", StageParsing, "Invalid format string"},
		{"format('{ 0}', 1)", StageParsing, "Invalid format string"},
		{"format('{-0}', 1)", StageParsing, "Invalid format string"},
		{"format('{0:x}', 1)", StageParsing, "Invalid format string"},
		{"format('{256}', 1)", StageParsing, "Invalid format string"},
		{"format('{0{1}', 1, 2)", StageParsing, "Invalid format string"},
		{"format('{0}')", StageParsing, "Format string references {0} but only 0 argument(s) provided"},
		{"format('{0}{2}', 1, 2)", StageParsing, "Format string references {2} but only 2 argument(s) provided"},

		{"format(join(list, '}'))", StageEvaluation, "Invalid format string"},
		{"1 == format(format('{{0}}'))", StageEvaluation, "Format string references {0} but only 0 argument(s) provided. Located at position 6"},
		{"case(1, 2, 3)", StageEvaluation, "case predicate must evaluate to a boolean value: predicate 1 is of kind Number"},
		{"case(false, 2, 'true', 1, 3)", StageEvaluation, "predicate 2 is of kind String"},
		{"fromJSON('')", StageEvaluation, "Error parsing fromJson: line 1, column 1: a value is missing"},
		{"fromJSON(null)", StageEvaluation, "Error parsing fromJson"},
		{"fromJSON(list)", StageEvaluation, "Error parsing fromJson"},
		{"fromJSON('[1\n,\n  x]')", StageEvaluation, "Error parsing fromJson: line 3, column 3: a value cannot begin here"},
		{"1 == boom()", StageEvaluation, "boom: it went wrong. Located at position 6"},
	}
	scope := testScope(t)
	for _, c := range cases {
		t.Run(excerpt(c.expr), func(t *testing.T) {
			v, err := evalAny(c.expr, scope)
			failure := new(Error)
			if !errors.As(err, &failure) {
				t.Fatalf("got %s %s, %v, want an *Error", v.Kind(), v.JSON(), err)
			}
			if failure.Stage != c.stage {
				t.Errorf("got stage %s, want %s", failure.Stage, c.stage)
			}
			if !strings.Contains(err.Error(), c.message) {
				t.Errorf("got  %s\nwant %s", err, c.message)
			}
			if v.Kind() != KindNull {
				t.Errorf("got %s beside the error", v.Kind())
			}
		})
	}
}

func TestErrorsDoNotTellValues(t *testing.T) {
	scope := ScopeOf(NewObject(Pair{"secret", String("hunter2 {9} }")}), nil)
	for _, src := range []string{"format(secret)", "fromJSON(secret)", "case(secret, 1, 2)", "secret.x.hunter(1)"} {
		_, err := evalAny(src, scope)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

func TestErrorShortensALongExpression(t *testing.T) {
	_, err := Parse("'" + strings.Repeat("ü", 5000))
	if err == nil || len(err.Error()) > 2000 || strings.ContainsRune(err.Error(), '\uFFFD') {
		t.Errorf("got %d bytes", len(err.Error()))
	}
}

func TestCheckFindsWhatEvalWouldNotReach(t *testing.T) {
	e, err := Parse("true || later.x || soon()")
	if err != nil {
		t.Fatal(err)
	}
	err = e.Check(Scope{})
	if err == nil || !strings.Contains(err.Error(), "Unrecognized named-value: 'later'") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "Available") {
		t.Errorf("got a hint without names: %v", err)
	}
	known := Scope{Lookup: func(string) (Value, bool) { return Null, true }}
	if err := e.Check(known); err == nil || !strings.Contains(err.Error(), "Unrecognized function: 'soon'") {
		t.Errorf("got %v", err)
	}
	known.Functions = map[string]Function{"soon": {}}
	if err := e.Check(known); err != nil {
		t.Error(err)
	}
}
