//go:build unix

package semantics

import (
	"fmt"
	"strings"
	"testing"
)

// valued are expressions and their texts, by rule.
var valued = []struct {
	rule  string
	pairs [][2]string
}{
	{"4.6: texts of values", [][2]string{
		{"null", ""}, {"true", "true"}, {"1.50", "1.5"}, {"-0", "0"}, {"0xff", "255"}, {"0o17", "15"}, {"1e3", "1000"}, {".5", "0.5"},
		{"NaN", "NaN"}, {"Infinity", "Infinity"}, {"-Infinity", "-Infinity"}, {"'it''s'", "it's"}, {"format('{0}', fromJSON('[1]'))", "Array"}, {"format('{0}', fromJSON('{}'))", "Object"},
	}},
	{"4.6: what counts as false", [][2]string{
		{"!''", "true"}, {"!0", "true"}, {"!null", "true"}, {"!NaN", "true"}, {"!'0'", "false"}, {"!fromJSON('[]')", "false"}, {"!fromJSON('{}')", "false"},
	}},
	{"4.6: comparisons convert to numbers and ignore case", [][2]string{
		{"'ABC' == 'abc'", "true"}, {"'b' > 'A'", "true"}, {"1 == '1.0'", "true"}, {"'' == 0", "true"}, {"' 0x10 ' == 16", "true"}, {"'x' == 0", "false"},
		{"true == 1", "true"}, {"null == 0", "true"}, {"null == ''", "true"}, {"true == 'true'", "false"}, {"NaN == NaN", "false"}, {"NaN != NaN", "true"},
		{"1 >= '1'", "true"}, {"'x' < 1", "false"}, {"fromJSON('[]') == fromJSON('[]')", "false"}, {"github.event == github.event", "true"}, {"github.event == 'Object'", "false"},
	}},
	{"4.6: && and || give the operand that decides, by precedence", [][2]string{
		{"0 || 'x'", "x"}, {"'a' && 'b'", "b"}, {"'' && fromJSON('x y')", ""}, {"'a' || fromJSON('x y')", "a"}, {"true || false && false", "true"},
		{"(true || false) && false", "false"}, {"!true == false", "true"}, {"1 < 2 == true", "true"},
	}},
	{"4.6: what is not there is null, filters drop misses", [][2]string{
		{"github.none.deep.er", ""}, {"github['ACTOR']", "probe"}, {"fromJSON('[7,8]')[1]", "8"}, {"fromJSON('[7,8]')['1']", "8"}, {"fromJSON('[7,8]')[1.9]", "8"},
		{"fromJSON('[7]')[-1]", ""}, {"fromJSON('[7]')[5]", ""}, {"github.actor.y", ""},
		{"join(fromJSON('[{\"a\":1},{\"b\":2},{\"a\":3}]').*.a)", "1,3"}, {"join(fromJSON('{\"x\":{\"a\":1},\"y\":{\"a\":2}}').*.a, '-')", "1-2"}, {"join(github.actor.*)", ""},
	}},
	{"4.6: functions", [][2]string{
		{"contains('Hello', 'ELL')", "true"}, {"contains(fromJSON('[1,\"b\"]'), '1')", "true"}, {"contains(fromJSON('[\"bb\"]'), 'b')", "false"},
		{"startsWith('Hello', 'hE')", "true"}, {"endsWith('Hello', 'LO')", "true"}, {"startsWith(fromJSON('[]'), '')", "false"},
		{"join(fromJSON('[1,true,null]'), '-')", "1-true-"}, {"join('x')", "x"}, {"join(fromJSON('{}'))", ""},
		{"format('{1}{0}{{}}', 'a', 'b')", "ba{}"}, {"toJSON(fromJSON('[]'))", "[]"}, {"toJSON('a\"b')", `"a\"b"`},
		{"ToJson(true)", "true"}, {"case(false, 1, true, 2, 3)", "2"}, {"fromJSON('{\"A\":1}').a", "1"},
	}},
}

func TestExpressions(t *testing.T) {
	var rows []row
	for _, group := range valued {
		var env, run strings.Builder
		var want []string
		for i, pair := range group.pairs {
			fmt.Fprintf(&env, "  V%d: >-\n    ${{ %s }}\n", i, pair[0])
			fmt.Fprintf(&run, "    echo \"%d is $V%d.\"\n", i, i)
			want = append(want, fmt.Sprintf("%d is %s.", i, pair[1]))
		}
		rows = append(rows, row{
			rule: group.rule, want: "success", rows: want,
			steps: "- run: |\n" + run.String() + "  env:\n" + indent(env.String(), "  "),
		})
	}
	check(t, append(rows, []row{
		{
			rule: "4.6: conditions with and without ${{ }}, with status functions and without",
			steps: `
				- {if: "", run: echo 1}
				- {if: "${{ github.actor == 'probe' }}", run: echo 2}
				- {if: github.actor == 'nobody', run: echo never}
				- {if: "${{ false }} x", run: echo 3}
				- {if: "!cancelled() && (failure() || true)", run: echo 4}
				- run: exit 1
				- {if: "true || true", run: echo never}
				- {if: "true || (false && success())", run: echo 5}
				- {if: "${{ false }} and failure()", run: echo never}
			`,
			result: "failure", want: "success success skipped success success failure skipped success skipped",
			rows: []string{"1", "2", "3", "4", "5"}, not: []string{"never"},
		},
		{
			rule: "4.6: faulty expressions fail their step and are quoted",
			steps: `
				- {run: 'echo never ${{ 1 + 2 }}'}
				- {if: always(), run: 'echo never ${{ "double" }}'}
				- {if: always(), run: "echo never ${{ format('{1}', 1) }}"}
				- {if: always(), run: "echo never ${{ fromJSON('{') }}"}
				- {if: always(), run: "echo never ${{ contains('x') }}"}
				- {if: "always() &&", run: echo never}
			`,
			result: "failure", want: "failure failure failure failure failure failure",
			has: []string{"1 + 2", `"double"`, "format('{1}', 1)", "fromJSON('{')", "contains('x')", "always() &&"}, not: []string{"echo never", "never "},
		},
		{
			rule: "4.6: text around makes a string, alone a value keeps its type",
			job:  `strategy: {matrix: {v: ["${{ fromJSON('{\"a\": [1, 2]}') }}"]}}`,
			steps: `
				- {env: {A: "x${{ 1 }}y${{ true }}z", B: "${{ matrix.v.a[1] == 2 }}"}, run: 'echo "$A $B"'}
				- {continue-on-error: "${{ github.actor == 'probe' }}", run: exit 1}
			`,
			want: "success success", rows: []string{"x1ytruez true"},
		},
		{
			rule: "4.6: hashFiles reads the workspace",
			steps: `
				- {if: "hashFiles('**/*.txt') != ''", run: 'echo "${{ hashFiles(''a.txt'') }}"'}
				- run: echo "[${{ hashFiles('none') }}] ${{ hashFiles('*.txt') == hashFiles('**', '!**/b.*', '!b') }}"
			`,
			files: "-- ./a.txt --\nx\n-- ./b.md --\ny\n",
			// The digest of the digest of "x\n".
			want: "success success", rows: []string{"af783de711a03d4e784d3cd52d07738e879f8e3004e6bab584d4f5986f26ef1f", "[] true"},
		},
	}...))
}
