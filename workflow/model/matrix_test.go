package model

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// strategy parses the strategy of a job, given in flow or block style.
func strategy(t *testing.T, source string) *Strategy {
	t.Helper()
	return parse(t, block("runs-on: x", "strategy: "+strings.ReplaceAll(source, "\n", "\n      "), "steps: [{run: x}]")).Jobs[0].Strategy
}

func TestMatrixIsExpandedAsGitHubDoes(t *testing.T) {
	contexts := map[string]any{
		"needs": map[string]any{"plan": map[string]any{"outputs": map[string]any{
			"matrix": `{"os":["a","b"],"include":[{"os":"a","extra":1}]}`, "versions": `[1.5,"two",null]`, "include": `[{"n":1},{"n":2}]`,
		}}},
	}
	for name, tt := range map[string]struct {
		matrix string
		want   []string
	}{
		"the first key changes slowest": {`{b: [1, 2], a: [x, y]}`,
			[]string{`{"b":1,"a":"x"}`, `{"b":1,"a":"y"}`, `{"b":2,"a":"x"}`, `{"b":2,"a":"y"}`}},
		"values keep their types": {`{v: [1.10, true, ~, "1", {k: [1]}]}`,
			[]string{`{"v":1.1}`, `{"v":true}`, `{"v":null}`, `{"v":"1"}`, `{"v":{"k":[1]}}`}},
		"include of GitHub's documentation": {`
  fruit: [apple, pear]
  animal: [cat, dog]
  include:
    - color: green
    - {color: pink, animal: cat}
    - {fruit: apple, shape: circle}
    - fruit: banana
    - {fruit: banana, animal: cat}`,
			[]string{
				`{"fruit":"apple","animal":"cat","color":"pink","shape":"circle"}`, `{"fruit":"apple","animal":"dog","color":"green","shape":"circle"}`,
				`{"fruit":"pear","animal":"cat","color":"pink"}`, `{"fruit":"pear","animal":"dog","color":"green"}`,
				`{"fruit":"banana"}`, `{"fruit":"banana","animal":"cat"}`,
			}},
		"include alone": {`{include: [{a: 1, b: x}, {a: 2}]}`, []string{`{"a":1,"b":"x"}`, `{"a":2}`}},
		"include is not added to what include made": {`{a: [1], include: [{a: 2}, {a: 2, b: 3}]}`,
			[]string{`{"a":1}`, `{"a":2}`, `{"a":2,"b":3}`}},
		"include compares as == does and keeps the original": {`{a: [1, x], include: [{a: "1", b: 1}, {A: X, b: 2}]}`,
			[]string{`{"a":1,"b":1}`, `{"a":"x","b":2}`}},
		"exclude of GitHub's documentation": {`
  os: [mac, win]
  version: [12, 14, 16]
  environment: [staging, production]
  exclude:
    - {os: mac, version: 12, environment: production}
    - {os: win, version: 16}`,
			[]string{
				`{"os":"mac","version":12,"environment":"staging"}`, `{"os":"mac","version":14,"environment":"staging"}`,
				`{"os":"mac","version":14,"environment":"production"}`, `{"os":"mac","version":16,"environment":"staging"}`,
				`{"os":"mac","version":16,"environment":"production"}`, `{"os":"win","version":12,"environment":"staging"}`,
				`{"os":"win","version":12,"environment":"production"}`, `{"os":"win","version":14,"environment":"staging"}`,
				`{"os":"win","version":14,"environment":"production"}`,
			}},
		"exclude goes before include": {`{a: [1, 2], exclude: [{a: 1}], include: [{a: 1, b: 3}]}`,
			[]string{`{"a":2}`, `{"a":1,"b":3}`}},
		"exclude matches part of a mapping": {`{os: [{name: a, v: 1}, {name: a, v: 2}, {name: b, v: 1}], exclude: [{os: {name: a}}]}`,
			[]string{`{"os":{"name":"b","v":1}}`}},
		"exclude compares lists item by item": {`{v: [[1, 2], [1]], exclude: [{v: [1]}]}`, []string{`{"v":[1,2]}`}},
		"all excluded but one included":       {`{a: [1], exclude: [{a: 1}], include: [{b: 2}]}`, []string{`{"b":2}`}},
		"whole matrix from JSON": {`${{ fromJSON(needs.plan.outputs.matrix) }}`,
			[]string{`{"os":"a","extra":1}`, `{"os":"b"}`}},
		"one key from JSON": {`{a: [x], v: "${{ fromJSON(needs.plan.outputs.versions) }}"}`,
			[]string{`{"a":"x","v":1.5}`, `{"a":"x","v":"two"}`, `{"a":"x","v":null}`}},
		"include from JSON":            {`{include: "${{ fromJSON(needs.plan.outputs.include) }}"}`, []string{`{"n":1}`, `{"n":2}`}},
		"a payload's matrix gives one": {`{extra: ["yes"], "n": [1], os: [x], deep: [[1, 2]]}`, []string{`{"extra":"yes","n":1,"os":"x","deep":[1,2]}`}},
		"no matrix":                    {`~`, []string{`null`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := strategy(t, "{}")
			s.Matrix = value(t, tt.matrix)
			plan, err := Expand(s, scope(contexts))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range plan.Combinations {
				got = append(got, compact(c.Values))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStrategyHasDefaultsAndTakesStrings(t *testing.T) {
	for source, want := range map[string]string{
		`{matrix: {a: [1, 2]}}`:                          "true 0 2",
		`{fail-fast: false, max-parallel: 2}`:            "false 2 1",
		`{fail-fast: "false", max-parallel: "1"}`:        "false 1 1",
		`{fail-fast: "${{ vars.f }}", max-parallel: ""}`: "false 0 1",
		`{max-parallel: 1e9}`:                            "true 256 1",
	} {
		plan, err := Expand(strategy(t, source), scope(map[string]any{"vars": map[string]any{"f": false}}))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := fmt.Sprint(plan.FailFast, plan.MaxParallel, len(plan.Combinations)); got != want {
			t.Errorf("%s gives %q, want %q", source, got, want)
		}
	}
	plan, err := Expand(nil, scope(nil))
	if err != nil || len(plan.Combinations) != 1 || !plan.FailFast || plan.Combinations[0].Suffix != "" {
		t.Errorf("no strategy gives %+v, %v", plan, err)
	}
}

func TestMatrixFaultsAreNamed(t *testing.T) {
	var keys strings.Builder
	for i := range maxKeys + 1 {
		fmt.Fprintf(&keys, "k%d: [1], ", i)
	}
	binary := "{" + strings.Repeat("@: [1, 2], ", 12)
	for i := range 12 {
		binary = strings.Replace(binary, "@", fmt.Sprintf("k%d", i), 1)
	}
	for name, tt := range map[string]struct{ source, want string }{
		"empty list":              {`{matrix: {a: []}}`, `x.yml:5: job "a": strategy.matrix.a: is an empty list, there is nothing to run`},
		"empty list of JSON":      {`{matrix: {a: "${{ fromJSON('[]') }}"}}`, `strategy.matrix.a: is an empty list`},
		"no list from JSON":       {`{matrix: {a: "${{ 1 }}"}}`, `strategy.matrix.a: must be a list, not a value of type Number`},
		"no matrix from JSON":     {`{matrix: "${{ fromJSON('[1]') }}"}`, `strategy.matrix: must be a mapping, not a value of type Array`},
		"key of JSON":             {`{matrix: "${{ fromJSON('{\"a\":1}') }}"}`, `strategy.matrix.a: must be a list, not a value of type Number`},
		"include no list":         {`{matrix: {include: "${{ 1 }}"}}`, `strategy.matrix.include: must be a list of mappings, not a value of type Number`},
		"include of texts":        {`{matrix: {include: "${{ fromJSON('[1]') }}"}}`, `strategy.matrix.include: entry 1 must be a mapping, not a value of type Number`},
		"exclude of another key":  {`{matrix: {a: [1], exclude: [{b: 1}]}}`, `strategy.matrix.exclude: "b" is not a key of the matrix`},
		"all excluded":            {`{matrix: {a: [1], exclude: [{a: 1}]}}`, `strategy.matrix: exclude takes out every combination, there is nothing to run`},
		"empty matrix":            {`{matrix: {}}`, `strategy.matrix: has neither values nor an include, there is nothing to run`},
		"257 combinations":        {`{matrix: {a: [` + strings.Repeat("1,", 257) + `]}}`, `strategy.matrix: gives 257 combinations, at most 256 are allowed`},
		"a product without end":   {`{matrix: ` + strings.TrimSuffix(binary, ", ") + `, x: [1, 2]}}`, `strategy.matrix: gives more than 4096 combinations, at most 256 are allowed`},
		"comparing without end":   {`{matrix: ` + binary + `exclude: [` + strings.Repeat("{k0: 3},", 999) + `]}}`, `strategy.matrix: is too large`},
		"many keys":               {`{matrix: {` + keys.String() + `}}`, `strategy.matrix: has 101 keys, at most 100 are taken`},
		"many keys of an include": {`{matrix: {include: [{` + keys.String() + `}]}}`, `strategy.matrix.include: entry 1 has 101 keys, at most 100 are taken`},
		"many includes":           {`{matrix: {include: [` + strings.Repeat("{},", 1001) + `]}}`, `strategy.matrix.include: has 1001 entries, at most 1000 are taken`},
		"max-parallel zero":       {`{max-parallel: 0}`, `strategy.max-parallel: must be 1 or more, not 0`},
		"fail-fast of a text":     {`{fail-fast: "${{ 'x' }}"}`, `strategy.fail-fast: must be true or false, not "x"`},
		"max-parallel of a text":  {`{max-parallel: "${{ 'x' }}"}`, `strategy.max-parallel: must be a number, not "x"`},
		"unknown context":         {`{matrix: {a: ["${{ nothing.x }}"]}}`, `strategy.matrix.a[0]: `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Expand(strategy(t, tt.source), scope(nil))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestJobsOfAMatrixHaveTheirValuesInTheName(t *testing.T) {
	long := strings.Repeat("é", 120)
	for name, tt := range map[string]struct{ name, matrix, want string }{
		"id without name":           {"", "{os: [x], n: [1.50], b: [true]}", "a (x, 1.5, true)"},
		"literal name":              {"name: A", "{os: [x]}", "A (x)"},
		"name with an expression":   {"name: 'A ${{ matrix.os }}'", "{os: [x]}", "A x"},
		"name that gives nothing":   {"name: '${{ matrix.none }}'", "{os: [x]}", "a"},
		"values of include":         {"", "{os: [x], include: [{os: x, extra: e}]}", "a (x, e)"},
		"values within values":      {"", "{c: [{os: x, v: [1, 2]}]}", "a (x, 1, 2)"},
		"empty values are left out": {"", "{a: [''], b: [x], c: [~]}", "a (x)"},
		"only empty values":         {"", "{a: ['']}", "a"},
		"no matrix":                 {"name: A", "~", "A"},
		"long values are cut":       {"", "{v: [" + long + "]}", "a (" + strings.Repeat("é", 94) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			w := parse(t, block("runs-on: x", tt.name, "strategy: {matrix: "+tt.matrix+"}", "steps: [{run: x}]"))
			plan, err := Expand(w.Jobs[0].Strategy, scope(nil))
			if err != nil {
				t.Fatal(err)
			}
			c := plan.Combinations[0]
			got, err := w.Jobs[0].EvalName(scope(map[string]any{"matrix": c.Values}), c)
			if err != nil || got != tt.want {
				t.Errorf("name %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}
