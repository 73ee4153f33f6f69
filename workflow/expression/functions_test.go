package expression

import (
	"math"
	"testing"
)

func TestContains(t *testing.T) {
	runBools(t, map[string]bool{
		"contains('Hello world', 'WORLD')":         true,
		"contains('Hello', '')":                    true,
		"contains('Hello', 'x')":                   false,
		"contains('', 'x')":                        false,
		"contains('größe', 'GRÖ')":                 true,
		"contains(12345, 34)":                      true,
		"contains(true, 'RU')":                     true,
		"contains(null, '')":                       true,
		"contains('x', null)":                      true,
		"contains('Array', list)":                  false,
		"contains('Object', none)":                 false,
		"contains(list, 'c')":                      true,
		"contains(list, 'd')":                      false,
		"contains(numbers, '3')":                   true,
		"contains(numbers, true)":                  true,
		"contains(numbers, 4)":                     false,
		"contains(mixed, '')":                      true, // null == ''
		"contains(mixed, mixed[4])":                true, // the same array
		"contains(mixed, fromJSON('[1]'))":         false,
		"contains(empty, null)":                    false,
		"contains(none, 'a')":                      false,
		"contains(other, 'a')":                     false,
		"CONTAINS('a', 'A')":                       true,
		"contains(fromJSON('[\"push\"]'), 'push')": true,
	})
}

func TestStartsWithAndEndsWith(t *testing.T) {
	runBools(t, map[string]bool{
		"startsWith('Hello', 'he')":                  true,
		"startsWith('Hello', 'lo')":                  false,
		"startsWith('Hello', '')":                    true,
		"startsWith('', '')":                         true,
		"startsWith('', 'x')":                        false,
		"startsWith(github.ref, 'refs/heads/')":      true,
		"startsWith(123, 12)":                        true,
		"startsWith(true, 'T')":                      true,
		"startsWith(null, '')":                       true,
		"startsWith(list, 'A')":                      false,
		"startsWith('Array', list)":                  false,
		"startsWith(none, 'O')":                      false,
		"endsWith('Hello', 'LO')":                    true,
		"endsWith('Hello', 'He')":                    false,
		"endsWith('Hello', '')":                      true,
		"endsWith(1.50, '.5')":                       true,
		"endsWith(list, 'y')":                        false,
		"endsWith('Array', list)":                    false,
		"endsWith('ÄÖÜ', 'öü')":                      true,
		"ENDSWITH('a', 'a') && startswith('a', 'a')": true,
	})
}

func TestJoin(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"join(list)", String("a,b,C")},
		{"join(list, ', ')", String("a, b, C")},
		{"join(list, '')", String("abC")},
		{"join(list, null)", String("abC")},
		{"join(list, 0)", String("a0b0C")},
		{"join(list, none)", String("a,b,C")},
		{"join(list, list)", String("a,b,C")},
		{"join(mixed, '|')", String("|true|1.5|x|Array|Object")},
		{"join(empty)", String("")},
		{"join(empty, boom())", String("")}, // a separator that is not needed is not evaluated
		{"join(none)", String("")},
		{"join(other)", String("")},
		{"join('text', '-')", String("text")},
		{"join(1.50)", String("1.5")},
		{"join(null)", String("")},
		{"join(true)", String("true")},
	})
}

func TestFormat(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"format('plain')", String("plain")},
		{"format('{0}', 'a')", String("a")},
		{"format('{1}-{0}-{1}', 'a', 'b')", String("b-a-b")},
		{"format('{0}{1}{2}', null, true, 1.50)", String("true1.5")},
		{"format('{0} {1}', list, none)", String("Array Object")},
		{"format('{{{0}}}', 'x')", String("{x}")},
		{"format('{{0}}', 'x')", String("{0}")},
		{"format('}}{{')", String("}{")},
		{"format('{00}', 'x')", String("x")},
		{"format('{0}{{', 'x')", String("x{")},
		{"format('', boom())", String("")}, // an argument that is not named is not evaluated
		{"format('{0}', '{1}')", String("{1}")},
		{"format(null)", String("")},
		{"format(12)", String("12")},
		{"format(true, 1)", String("true")},
		{"format(list)", String("Array")},
		{"format('{10}', 0,1,2,3,4,5,6,7,8,9,10)", String("10")},
		{"FORMAT('ü{0}ü', 'ä')", String("üäü")},
	})
}

func TestCase(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"case(true, 'a', 'z')", String("a")},
		{"case(false, 'a', 'z')", String("z")},
		{"case(false, 'a', 1 == 1, 'b', 'z')", String("b")},
		{"case(false, 'a', false, 'b', list)[2]", String("C")},
		{"case(true, 1, boom())", Number(1)},
		{"case(true, 1, boom(), 2, 3)", Number(1)},
		{"case(false, boom(), null)", Null},
		{"Case(github.event_name == 'push', github.ref, github.actor)", String("refs/heads/main")},
	})
}

func TestToJSON(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"toJSON(null)", String("null")},
		{"toJSON(true)", String("true")},
		{"toJSON(1.50)", String("1.5")},
		{"toJSON(-0)", String("0")},
		{"toJSON(1e15)", String("1E+15")},
		{"toJSON(NaN)", String("NaN")},
		{"toJSON('a\"b\\c/d<é>''')", String(`"a\"b\\c/d<é>'"`)},
		{"toJSON('\n\t\r\b\f\u0001\u001f\u007f\u0085\u2028\u2029')", String(`"\n\t\r\b\f\u0001\u001f` + "\u007f" + `\u0085\u2028\u2029"`)},
		{"toJSON(empty)", String("[]")},
		{"toJSON(none)", String("{}")},
		{"toJSON(numbers)", String("[\n  3,\n  1,\n  2\n]")},
		{"toJSON(mixed)", String("[\n  null,\n  true,\n  1.5,\n  \"x\",\n  [\n    1\n  ],\n  {\n    \"k\": \"v\"\n  }\n]")},
		{"toJSON(fromJSON('{\"b\": {\"c\": [], \"d\": {}}, \"a\": 1}'))",
			String("{\n  \"b\": {\n    \"c\": [],\n    \"d\": {}\n  },\n  \"a\": 1\n}")},
		{"tojson(github.event.issue.labels.*.name)", String("[\n  \"bug\",\n  \"Help wanted\"\n]")},
	})
}

func TestFromJSONFunction(t *testing.T) {
	runEvalCases(t, []evalCase{
		{"fromJSON('null')", Null},
		{"fromJSON(' true ')", True},
		{"fromJSON('-0.5e1')", Number(-5)},
		{"fromJSON('1e999')", Number(math.Inf(1))},
		{"fromJSON('\"a\"')", String("a")},
		{"fromJSON(1)", Number(1)},
		{"fromJSON(true)", True},
		{"fromJSON('[1, [2, {\"a\": null}]]')[1][1].a", Null},
		{"fromJSON('{\"a\": 1, \"A\": 2}').a", Number(1)}, // the first one counts
		{"fromJSON('{\"\": 1}')['']", Number(1)},
		{"fromjson(toJSON(github)).event.issue.labels[1].name", String("Help wanted")},
		{"fromJSON('\"\\u00e9\\ud83d\\ude00\\n\"')", String("é😀\n")},
	})
}
