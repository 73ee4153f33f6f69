package model

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"multirunner/workflow/expression"
)

// callee begins with a line for the error tests to count from.
const callee = `on:
  workflow_call:
    inputs:
      flag: {type: boolean, default: true}
      count: {type: number, required: true}
      who: {type: string, default: "${{ github.actor }}"}
      size: {type: number, default: "${{ inputs.nothing }}"}
    secrets:
      TOKEN: {required: true, description: to log in}
      other:
    outputs:
      version: {description: what was built, value: "${{ jobs.build.outputs.v }}"}
      result: {value: "${{ jobs.build.result }}!"}
jobs: {build: {runs-on: x, steps: [{run: x}]}}
`

// caller gives a job that calls; its keys begin at line 4.
func caller(t *testing.T, lines ...string) *Job {
	t.Helper()
	return parse(t, block(lines...)).Jobs[0]
}

func parseCallee(t *testing.T) *Workflow {
	t.Helper()
	w, err := Parse(".gitea/workflows/called.yml", []byte(callee))
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Warnings) > 0 {
		t.Fatal(w.Warnings)
	}
	return w
}

func TestACallDeclaresSecretsAndOutputs(t *testing.T) {
	e := parseCallee(t).Event("workflow_call")
	if len(e.Secrets) != 2 || e.Secrets[0] != (CallSecret{Name: "TOKEN", Description: "to log in", Required: true, Line: 9}) ||
		e.Secrets[1] != (CallSecret{Name: "other", Line: 10}) {
		t.Errorf("secrets %+v", e.Secrets)
	}
	if len(e.Outputs) != 2 || e.Outputs[0].Name != "version" || e.Outputs[0].Line != 12 || e.Outputs[0].Description != "what was built" ||
		e.Outputs[0].Value.Text() != "${{ jobs.build.outputs.v }}" {
		t.Errorf("outputs %+v", e.Outputs)
	}
}

func TestWhatIsWrongWithACallIsTold(t *testing.T) {
	for name, tt := range map[string]struct{ source, want string }{
		"secrets":          {block("uses: ./x.yml", "secrets: all"), `x.yml:5: job "a": secrets: must be a mapping of secrets, or inherit, not "all"`},
		"required":         {"on: {workflow_call: {secrets: {S: {required: perhaps}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}", `must be true or false`},
		"runs-on":          {block("uses: ./x.yml", "runs-on: linux"), `x.yml:5: job "a": runs-on: means nothing in a job that calls a workflow`},
		"unknown key":      {"on: {workflow_call: {secrets: {S: {require: true}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}", `unknown key "require", did you mean "required"?`},
		"output no value":  {"on:\n  workflow_call:\n    outputs:\n      o: {valeu: x}\njobs: {a: {runs-on: x, steps: [{run: x}]}}", `x.yml:4: on.workflow_call.outputs.o: has no "value", so it is always empty; is "valeu" meant`},
		"output no syntax": {"on: {workflow_call: {outputs: {o: {value: \"${{ jobs. }}\"}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}", `on.workflow_call.outputs.o.value:`},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Parse("x.yml", []byte(tt.source))
			told := ""
			if err != nil {
				told = err.Error()
			} else {
				for _, warning := range w.Warnings {
					told += warning.Error() + "\n"
				}
			}
			if !strings.Contains(told, tt.want) {
				t.Errorf("told %q, want %q", told, tt.want)
			}
		})
	}
}

func TestOnlyWorkflowsOfTheProjectHaveAPath(t *testing.T) {
	for uses, want := range map[string]string{
		"./.gitea/workflows/x.yml":                  ".gitea/workflows/x.yml",
		"./.github/workflows/x.yaml":                ".github/workflows/x.yaml",
		"./.gitea/workflows/x.yml@main":             "leave @main out",
		"./.gitea/workflows/sub/x.yml":              "is not a workflow that can be called: write ./.gitea/workflows/NAME.yml",
		"./.gitea/workflows/../x.yml":               "is not a workflow that can be called",
		"./x.yml":                                   "is not a workflow that can be called",
		"./.gitea/workflows/x.sh":                   "is not a workflow that can be called",
		"owner/repo/.gitea/workflows/x.yml@v1":      `x.yml:4: job "a": uses: "owner/repo/.gitea/workflows/x.yml@v1" is not a workflow of this project`,
		"https://git.example.org/o/r/w.yml@v1":      "no other can be called here: write",
		".gitea/workflows/x.yml":                    "is not a workflow of this project",
		"./.gitea/workflows/${{ github.actor }}.ym": "expressions are not evaluated here",
	} {
		got, err := caller(t, "uses: "+uses).CallPath()
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %q, want %q", uses, got, want)
		}
	}
}

func TestInputsOfACall(t *testing.T) {
	callerScope := scope(map[string]any{"matrix": map[string]any{"n": 7}, "needs": nil})
	called := scope(map[string]any{"github": map[string]any{"actor": "ann"}, "inputs": nil})
	for name, tt := range map[string]struct {
		lines []string
		want  string // the context, or what the error has
	}{
		"defaults":        {[]string{"uses: ./x.yml", "with: {count: 1}"}, `{"flag":true,"count":1,"who":"ann","size":0}`},
		"typed":           {[]string{"uses: ./x.yml", "with: {COUNT: '${{ matrix.n }}', flag: 'false', who: 5, size: 1.5}"}, `{"flag":false,"count":7,"who":"5","size":1.5}`},
		"all of with":     {[]string{"uses: ./x.yml", `with: ${{ fromJSON('{"count":"3","who":""}') }}`}, `{"flag":true,"count":3,"who":"","size":0}`},
		"null is nothing": {[]string{"uses: ./x.yml", "with: {count: 1, who: , flag: null}"}, `{"flag":true,"count":1,"who":"ann","size":0}`},
		"required":        {[]string{"uses: ./x.yml"}, `x.yml:4: job "a": uses: .gitea/workflows/called.yml requires the input "count": give it under with`},
		"unknown": {[]string{"uses: ./x.yml", "with:", "  count: 1", "  falg: true"},
			`x.yml:7: job "a": with.falg: .gitea/workflows/called.yml declares no input "falg", did you mean "flag"?`},
		"no boolean": {[]string{"uses: ./x.yml", "with:", "  count: 1", "  flag: maybe"},
			`x.yml:7: job "a": with.flag: must be a boolean, not "maybe" (input of .gitea/workflows/called.yml)`},
		"no number": {[]string{"uses: ./x.yml", "with:", "  count: true"}, `x.yml:6: job "a": with.count: must be a number, not "true"`},
		"a list":    {[]string{"uses: ./x.yml", "with:", "  count: 1", "  who: [a]"}, `with.who: must be a string, not a value of type Array`},
		"no object": {[]string{"uses: ./x.yml", "with: ${{ 'text' }}"}, `x.yml:5: job "a": with: must be a mapping`},
		"a context": {[]string{"uses: ./x.yml", "with: {count: '${{ secrets.X }}'}"}, `x.yml:5: job "a": with.count:`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := caller(t, tt.lines...).CallInputs(parseCallee(t), callerScope, called)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				return
			}
			if compact(got) != tt.want {
				t.Errorf("got %s, want %s", compact(got), tt.want)
			}
		})
	}
}

func TestADefaultThatIsWrongIsTheCallees(t *testing.T) {
	for in, want := range map[string]string{
		"{type: number, default: many}":           `c.yml:1: on.workflow_call.inputs.x: must be a number, not "many"`,
		"{type: number, default: '${{ true }}'}":  `c.yml:1: on.workflow_call.inputs.x: must be a number, not "true"`,
		"{type: string, default: '${{ jobs.a }}'": `c.yml:1: on.workflow_call.inputs.x.default:`,
	} {
		if strings.Count(in, "{") > strings.Count(in, "}") {
			in += "}"
		}
		w, err := Parse("c.yml", []byte("on: {workflow_call: {inputs: {x: "+in+"}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = caller(t, "uses: ./x.yml").CallInputs(w, scope(nil), scope(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

func TestSecretsOfACall(t *testing.T) {
	have := map[string]string{"MINE": "m", "token": "t"}
	callerScope := scope(map[string]any{"secrets": have})
	for name, tt := range map[string]struct {
		lines []string
		have  map[string]string
		want  string
	}{
		"mapped":             {[]string{"secrets: {TOKEN: '${{ secrets.MINE }}'}"}, have, "TOKEN=m"},
		"mapped, other case": {[]string{"secrets: {token: '${{ secrets.MINE }}', OTHER: x}"}, have, "OTHER=x token=m"},
		"mapped to nothing":  {[]string{"secrets: {TOKEN: '${{ secrets.NONE }}'}"}, have, "TOKEN="},
		"inherited":          {[]string{"secrets: inherit"}, have, "MINE=m token=t"},
		"none to inherit": {[]string{"secrets: inherit"}, map[string]string{"MINE": "m"},
			`x.yml:5: job "a": secrets: .gitea/workflows/called.yml requires the secret "TOKEN", and there is none to inherit`},
		"missing": {nil, have, `x.yml:4: job "a": uses: .gitea/workflows/called.yml requires the secret "TOKEN": map it under secrets, or write secrets: inherit`},
		"unknown": {[]string{"secrets:", "  TOKEM: x"}, have,
			`x.yml:6: job "a": secrets.TOKEM: .gitea/workflows/called.yml declares no secret "TOKEM", did you mean "TOKEN"?`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := caller(t, append([]string{"uses: ./x.yml"}, tt.lines...)...).CallSecrets(parseCallee(t), callerScope, tt.have)
			var shown []string
			for _, key := range slices.Sorted(maps.Keys(got)) {
				shown = append(shown, key+"="+got[key])
			}
			text := strings.Join(shown, " ")
			if err != nil {
				text = err.Error()
			}
			if text != tt.want {
				t.Errorf("got %q, want %q", text, tt.want)
			}
		})
	}
}

func TestOutputsOfACall(t *testing.T) {
	w := parseCallee(t)
	got, err := w.CallOutputs(scope(map[string]any{"jobs": map[string]any{
		"build": map[string]any{"result": "success", "outputs": map[string]any{"v": "1.2"}},
	}}))
	if err != nil || got["version"] != "1.2" || got["result"] != "success!" || len(got) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := w.CallOutputs(expression.Scope{}); err == nil || !strings.Contains(err.Error(), "called.yml:12: on.workflow_call.outputs.version.value:") {
		t.Errorf("got %v", err)
	}
	if got, err := parse(t, block("uses: ./x.yml")).CallOutputs(scope(nil)); len(got) > 0 || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}
