package model

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const wholeWorkflow = `name: all
run-name: by ${{ github.actor }}
on:
  push: {branches: [main]}
  schedule: [{cron: "1 2 * * *"}]
  workflow_dispatch:
    inputs:
      flag: {type: boolean, default: true, description: a flag}
      kind: {type: choice, options: [a, b], required: true}
  workflow_call:
env: {TOP: 1}
defaults: {run: {shell: bash, working-directory: sub}}
permissions: read-all
concurrency: one
jobs:
  a:
    name: A
    needs: b
    if: always()
    runs-on: [x, y]
    environment: prod
    concurrency: {group: g}
    permissions: {contents: read}
    outputs: {o: "${{ steps.s.outputs.o }}"}
    env: {A: 1}
    defaults: {run: {shell: sh}}
    timeout-minutes: 1.5
    strategy: {fail-fast: false, max-parallel: 2, matrix: {n: [1, 2]}}
    continue-on-error: true
    container: node:20
    services: {db: {image: redis, ports: [6379]}, cache: memcached}
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - id: s
        name: S
        if: success()
        run: |
          true
        shell: sh
        working-directory: d
        env: {E: 1}
        continue-on-error: ${{ matrix.n == 1 }}
        timeout-minutes: "2"
  b:
    needs: [c]
    uses: ./.gitea/workflows/other.yml
    with: {x: 1}
    secrets: inherit
  c:
    runs-on: x
    steps: [{run: "true"}]
`

func TestParseReadsEveryKey(t *testing.T) {
	w := parse(t, wholeWorkflow)
	if len(w.Warnings) > 0 {
		t.Errorf("warnings: %v", w.Warnings)
	}
	got := map[string]string{
		"name":     w.Name,
		"run-name": w.RunName.Text(),
		"env":      w.Env.Get("TOP").Text(),
		"shell":    w.Defaults.Shell.Text(),
		"dir":      w.Defaults.WorkingDirectory.Text(),
		"perm":     w.Permissions.Text(),
		"conc":     w.Concurrency.Text(),
	}
	want := map[string]string{
		"name": "all", "run-name": "by ${{ github.actor }}", "env": "1", "shell": "bash", "dir": "sub", "perm": "read-all", "conc": "one",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workflow (-want +got):\n%s", diff)
	}
	a := w.Job("a")
	got = map[string]string{
		"name": a.Name.Text(), "if": a.If.Text(), "env": a.Env.Get("A").Text(), "timeout": a.TimeoutMinutes.Text(),
		"continue": a.ContinueOnError.Text(), "container": a.Container.Text(), "service": a.Services.Get("db").Get("image").Text(),
		"output": a.Outputs.Get("o").Text(), "environment": a.Environment.Text(), "group": a.Concurrency.Get("group").Text(),
		"contents": a.Permissions.Get("contents").Text(), "shell": a.Defaults.Shell.Text(), "needs": strings.Join(a.Needs, ","),
		"fail-fast": a.Strategy.FailFast.Text(), "max-parallel": a.Strategy.MaxParallel.Text(), "line": fmt.Sprint(a.Line),
	}
	want = map[string]string{
		"name": "A", "if": "always()", "env": "1", "timeout": "1.5", "continue": "true", "container": "node:20", "service": "redis",
		"output": "${{ steps.s.outputs.o }}", "environment": "prod", "group": "g", "contents": "read", "shell": "sh", "needs": "b",
		"fail-fast": "false", "max-parallel": "2", "line": "16",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("job a (-want +got):\n%s", diff)
	}
	s := a.Steps[1]
	got = map[string]string{
		"id": s.ID, "name": s.Name.Text(), "if": s.If.Text(), "run": s.Run.Text(), "shell": s.Shell.Text(), "dir": s.WorkingDirectory.Text(),
		"env": s.Env.Get("E").Text(), "continue": s.ContinueOnError.Text(), "timeout": s.TimeoutMinutes.Text(),
		"index": fmt.Sprint(s.Index), "line": fmt.Sprint(s.Line), "uses": a.Steps[0].Uses.Text(), "with": a.Steps[0].With.Get("fetch-depth").Text(),
	}
	want = map[string]string{
		"id": "s", "name": "S", "if": "success()", "run": "true\n", "shell": "sh", "dir": "d", "env": "1",
		"continue": "${{ matrix.n == 1 }}", "timeout": "2", "index": "1", "line": "35", "uses": "actions/checkout@v4", "with": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("step (-want +got):\n%s", diff)
	}
	b := w.Job("B") // found ignoring case
	if b == nil || b.Uses != "./.gitea/workflows/other.yml" || b.Secrets.Text() != "inherit" || b.With.Get("x").Text() != "1" || len(b.Steps) > 0 {
		t.Errorf("job b = %+v", b)
	}
	if w.Job("d") != nil {
		t.Error("a job that is not there is found")
	}
}

func TestParseReadsEventsInAllForms(t *testing.T) {
	for name, tt := range map[string]struct{ on, want string }{
		"a name":      {"push", "push"},
		"a list":      {"[push, pull_request]", "push pull_request"},
		"a mapping":   {"{push: {branches: [a]}, release: }", "push release"},
		"a key alias": {"&x push", "push"},
	} {
		t.Run(name, func(t *testing.T) {
			w := parse(t, "on: "+tt.on+"\njobs: {a: {runs-on: x, steps: [{run: y}]}}")
			var names []string
			for _, e := range w.On {
				names = append(names, e.Name)
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("events %q, want %q", got, tt.want)
			}
		})
	}
	w := parse(t, wholeWorkflow)
	if got := w.Event("push").Config.Get("branches").Items()[0].Text(); got != "main" {
		t.Errorf("branch %q", got)
	}
	var inputs []string
	for _, in := range w.Event("workflow_dispatch").Inputs {
		inputs = append(inputs, fmt.Sprint(in.Name, in.Type, in.Required, in.Default.Text(), in.Options, in.Description))
	}
	want := []string{"flagbooleanfalsetrue[]a flag", "kindchoicetrue[a b]"}
	if diff := cmp.Diff(want, inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

func TestParseNamesThePlaceOfAFault(t *testing.T) {
	for name, tt := range map[string]struct{ source, want string }{
		"empty file":             {"", `x.yml: is empty, not a workflow`},
		"only a comment":         {"# nothing\n", `x.yml: is empty, not a workflow`},
		"payload is a text":      {"hello", `x.yml:1: not a workflow: it is a text, not a mapping with "on" and "jobs"`},
		"payload is a list":      {"- a", `x.yml:1: not a workflow: it is a list, not a mapping with "on" and "jobs"`},
		"payload is null":        {"null", `x.yml:1: not a workflow: it is empty, not a mapping with "on" and "jobs"`},
		"no jobs":                {"on: push\nsteps: []", `x.yml:1: not a workflow: it has no "jobs"`},
		"jobs misspelt":          {"on: push\njbos: {}", `x.yml:1: not a workflow: it has no "jobs"; is "jbos" meant to be it?`},
		"jobs empty":             {"on: push\njobs: {}", `x.yml:2: jobs: has no job`},
		"jobs a list":            {"on: push\njobs: []", `x.yml:2: jobs: must be a mapping, not a list`},
		"job a text":             {"on: push\njobs:\n  a: hi", `x.yml:3: job "a": must be a mapping with "runs-on" and "steps", not a text`},
		"job empty":              {"on: push\njobs:\n  a:", `x.yml:3: job "a": must be a mapping with "runs-on" and "steps", not empty`},
		"nothing to run":         {block("runs-on: x"), `x.yml:3: job "a": has neither "steps" nor "uses": there is nothing to run`},
		"steps misspelt":         {block("runs-on: x", "stesp: []"), `x.yml:3: job "a": has neither "steps" nor "uses": there is nothing to run; is "stesp" meant to be it?`},
		"steps empty":            {block("runs-on: x", "steps: []"), `x.yml:3: job "a": "steps" is empty: there is nothing to run`},
		"only empty steps":       {block("runs-on: x", "steps: [null]"), `x.yml:3: job "a": "steps" is empty: there is nothing to run`},
		"steps and uses":         {block("uses: y", "steps: [{run: x}]"), `x.yml:3: job "a": has both "uses" and "steps", a job has one of them`},
		"steps a mapping":        {block("steps: {run: x}"), `x.yml:4: job "a": steps: must be a list, not a mapping`},
		"step without work":      {block("steps:", "- run: x", "- name: y"), `x.yml:6: job "a": step 2: has neither "run" nor "uses": there is nothing to run`},
		"run misspelt":           {block("steps:", "- rnu: x"), `x.yml:5: job "a": step 1: has neither "run" nor "uses": there is nothing to run; is "rnu" meant to be it?`},
		"run empty":              {block("steps:", "- run:"), `x.yml:5: job "a": step 1: has neither "run" nor "uses": there is nothing to run`},
		"run and uses":           {block("steps:", "- run: x", "  uses: y"), `x.yml:5: job "a": step 1: has both "run" and "uses", a step has one of them`},
		"step a text":            {block("steps: [x]"), `x.yml:4: job "a": step 1: must be a mapping with "run" or "uses", not a text`},
		"run a list":             {block("steps:", "- run: [x]"), `x.yml:5: job "a": step 1: run: must be a text, not a list`},
		"with a list":            {block("steps:", "- uses: x", "  with:", "    y: [z]"), `x.yml:7: job "a": step 1: with.y: must be a text, not a list`},
		"env a text":             {block("env: x", "steps: [{run: x}]"), `x.yml:4: job "a": env: must be a mapping, not a text`},
		"env with a mapping":     {"on: push\nenv:\n  A: {b: c}\n" + "jobs: {a: {steps: [{run: x}]}}", `x.yml:3: env.A: must be a text, not a mapping`},
		"timeout no number":      {block("timeout-minutes: soon", "steps: [{run: x}]"), `x.yml:4: job "a": timeout-minutes: must be a number, not "soon"`},
		"timeout true":           {block("timeout-minutes: true", "steps: [{run: x}]"), `x.yml:4: job "a": timeout-minutes: must be a number, not "true"`},
		"timeout infinite":       {block("timeout-minutes: .inf", "steps: [{run: x}]"), `x.yml:4: job "a": timeout-minutes: must be a number, not ".inf"`},
		"continue no boolean":    {block("steps:", "- run: x", "  continue-on-error: maybe"), `x.yml:6: job "a": step 1: continue-on-error: must be true or false, not "maybe"`},
		"needs an expression":    {block("needs: ${{ x }}", "steps: [{run: x}]"), `x.yml:4: job "a": needs: must be a plain text, expressions are not evaluated here`},
		"needs a mapping":        {block("needs: {b: c}", "steps: [{run: x}]"), `x.yml:4: job "a": needs: must be a text or a list, not a mapping`},
		"matrix key no list":     {block("strategy:", "  matrix:", "    n: 1", "steps: [{run: x}]"), `x.yml:6: job "a": strategy.matrix.n: must be a list, not a number`},
		"include entry no map":   {block("strategy:", "  matrix:", "    include: [1]", "steps: [{run: x}]"), `x.yml:6: job "a": strategy.matrix.include[0]: must be a mapping, not a number`},
		"strategy a list":        {block("strategy: []", "steps: [{run: x}]"), `x.yml:4: job "a": strategy: must be a mapping, not a list`},
		"service without image":  {block("services: {db: {img: x}}", "steps: [{run: x}]"), `x.yml:4: job "a": services.db: has no "image"`},
		"container options list": {block("container: {image: x, options: [y]}", "steps: [{run: x}]"), `x.yml:4: job "a": container.options: must be a text, not a list`},
		"on a list of mappings":  {"on: [{push: x}]\njobs: {a: {steps: [{run: x}]}}", `x.yml:1: on[0]: must be a text, not a mapping`},
		"inputs a list":          {"on: {workflow_dispatch: {inputs: [x]}}\njobs: {a: {steps: [{run: x}]}}", `x.yml:1: on.workflow_dispatch.inputs: must be a mapping, not a list`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.yml", []byte(tt.source))
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != tt.want {
				t.Errorf("error\n  %s\nwant\n  %s", err, tt.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T holds no *Error", err)
			}
		})
	}
}

func TestParseTellsAllFaultsAtOnce(t *testing.T) {
	_, err := Parse("x.yml", []byte(block("timeout-minutes: soon", "steps:", "- name: x", "- run: y", "  uses: z")))
	var all Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("error %T %v, want three faults", err, err)
	}
	var first *Error
	if !errors.As(err, &first) || first.Key != "timeout-minutes" || first.Line != 4 || first.Job != "a" {
		t.Errorf("first fault %+v", first)
	}
	many := block("steps: [" + strings.Repeat("{name: x},", 500) + "]")
	if _, err = Parse("x.yml", []byte(many)); !errors.As(err, &all) || len(all) != maxFaults {
		t.Errorf("%d faults are told of 500, want %d", len(all), maxFaults)
	}
}

func TestParseWarnsAndGoesOn(t *testing.T) {
	for name, tt := range map[string]struct{ source, want string }{
		"unknown key of a step": {block("runs-on: x", "steps:", "- run: x", "  workingdirectory: y"),
			`x.yml:7: job "a": step 1: unknown key "workingdirectory", did you mean "working-directory"?`},
		"unknown key of a job": {block("runs-on: x", "timeout_minutes: 5", "steps: [{run: x}]"),
			`x.yml:5: job "a": unknown key "timeout_minutes", did you mean "timeout-minutes"?`},
		"unknown key of the workflow": {"on: push\nenvv: {}\njobs: {a: {runs-on: x, steps: [{run: x}]}}",
			`x.yml:2: unknown key "envv", did you mean "env"?`},
		"unknown key near nothing": {block("runs-on: x", "steps:", "- run: x", "  banana: y"),
			`x.yml:7: job "a": step 1: unknown key "banana"`},
		"unknown key of a strategy": {block("runs-on: x", "strategy: {fail_fast: true}", "steps: [{run: x}]"),
			`x.yml:5: job "a": strategy: unknown key "fail_fast", did you mean "fail-fast"?`},
		"no runs-on": {block("steps: [{run: x}]"), `x.yml:3: job "a": has no "runs-on"`},
		"no on":      {"jobs: {a: {runs-on: x, steps: [{run: x}]}}", `x.yml:1: has no "on": nothing starts it`},
		"empty step": {block("runs-on: x", "steps: [{run: x}, null]"), `x.yml:5: job "a": steps[1]: is empty and left out`},
		"same id twice": {block("runs-on: x", "steps: [{run: x, id: s}, {run: x, id: S}]"),
			`x.yml:5: job "a": steps[1]: step 1 has the id "S" too: the steps context shows the later one`},
		"odd job id": {"on: push\njobs:\n  a.b: {runs-on: x, steps: [{run: x}]}",
			`x.yml:3: job "a.b": the id of a job is letters, digits, - and _, and begins with a letter or _`},
		"unknown input type": {"on: {workflow_dispatch: {inputs: {x: {type: bool}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}",
			`x.yml:1: on.workflow_dispatch.inputs.x.type: unknown type "bool", the input is taken as a string; known are [string boolean number choice environment]`},
		"choice without options": {"on: {workflow_dispatch: {inputs: {x: {type: choice}}}}\njobs: {a: {runs-on: x, steps: [{run: x}]}}",
			`x.yml:1: on.workflow_dispatch.inputs.x: a choice without options`},
	} {
		t.Run(name, func(t *testing.T) {
			w := parse(t, tt.source)
			if len(w.Warnings) != 1 || w.Warnings[0].Error() != tt.want {
				t.Errorf("warnings %v, want\n  %s", w.Warnings, tt.want)
			}
		})
	}
}

func TestParseWarnsOfExpressionsThatCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		source, key string
		line, step  int
	}{
		"in a step":   {block("runs-on: x", "steps:", "- run: echo ${{ github.ref"), "run", 6, 1},
		"in an if":    {block("runs-on: x", "if: github.ref ==", "steps: [{run: x}]"), "if", 5, 0},
		"in an env":   {block("runs-on: x", "env: {A: '${{ 1 + 1 }}'}", "steps: [{run: x}]"), "env.A", 5, 0},
		"in a matrix": {block("runs-on: x", "strategy: {matrix: '${{ fromJSON( }}'}", "steps: [{run: x}]"), "strategy.matrix", 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := parse(t, tt.source)
			if len(w.Warnings) != 1 {
				t.Fatalf("warnings %v, want one", w.Warnings)
			}
			if e := w.Warnings[0]; e.Key != tt.key || e.Line != tt.line || e.Step != tt.step || e.Err == nil {
				t.Errorf("warning %+v, want key %s, line %d, step %d and the expression's error", e, tt.key, tt.line, tt.step)
			}
		})
	}
}

func TestEmptyStepsAreNotCounted(t *testing.T) {
	w := parse(t, block("runs-on: x", "steps: [null, {run: one}, null, {run: two}]"))
	steps := w.Jobs[0].Steps
	if len(steps) != 2 || steps[0].Index != 0 || steps[1].Index != 1 || steps[1].Run.Text() != "two" {
		t.Errorf("steps %+v", steps)
	}
}
