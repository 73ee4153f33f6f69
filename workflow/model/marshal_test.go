package model

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/workflow/expression"
)

// The source of the recorded matrix task, as its author wrote it.
const recordedSource = `
name: probe-wf
run-name: Run by ${{ github.actor }} no ${{ github.run_number }}
on:
    push:
        branches: [main]
    workflow_dispatch:
        inputs:
            flag: {type: boolean, default: true}
            who: {type: string, default: bob}
env:
    TOP: ${{ vars.MYVAR }}
concurrency: {group: wf}
permissions:
    contents: read
defaults:
    run:
        shell: bash
unknown: dropped
jobs:
    b:
        runs-on: x
        needs: a
        steps: [{run: "true"}]
    a:
        name: A ${{ matrix.os }}-${{ matrix.n }}
        runs-on: ${{ matrix.os }}
        needs: [b]
        environment: prod
        strategy:
            fail-fast: false
            max-parallel: 1
            matrix:
                os: [x]
                n: [1, 2]
                include:
                    - {os: x, n: 1, extra: "yes"}
        env: {JOBV: "1"}
        concurrency:
            group: job-${{ matrix.n }}
            cancel-in-progress: false
        container:
            image: node:20
        services:
            db:
                image: redis
                ports: ["6379:6379"]
                unknown: dropped
        timeout-minutes: 5
        outputs:
            o1: ${{ steps.s1.outputs.v }}
        steps:
            - uses: actions/checkout@v4
              with:
                fetch-depth: 0
                persist-credentials: false
            -
            - id: s1
              if: ${{ always() }}
              run: |
                echo "v=1" >> $GITHUB_OUTPUT
              env: {E: "${{ secrets.MYSECRET }}"}
              continue-on-error: true
              timeout-minutes: 2
              unknown: dropped
`

// planned gives the options that a server has for a job's combination.
func planned(t *testing.T, job *Job, combination int, keepAll bool) MarshalOptions {
	t.Helper()
	plan, err := Expand(job.Strategy, scope(nil))
	if err != nil {
		t.Fatal(err)
	}
	c := plan.Combinations[combination]
	s := scope(map[string]any{"matrix": c.Values})
	name, err := job.EvalName(s, c)
	if err != nil {
		t.Fatal(err)
	}
	target, err := job.EvalRunsOn(s)
	if err != nil {
		t.Fatal(err)
	}
	return MarshalOptions{KeepAll: keepAll, Name: name, RunName: "Run by probe no 1", RunsOn: target.Labels, Matrix: c.Values}
}

func TestServerPayloadIsWhatAServerSent(t *testing.T) {
	w := parse(t, recordedSource)
	got, err := w.MarshalJob(w.Job("a"), planned(t, w.Job("a"), 1, false))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(recorded(t, "task-matrix.json").WorkflowPayload), string(got)); diff != "" {
		t.Errorf("payload (-server +ours):\n%s", diff)
	}
	dispatch := recorded(t, "task-dispatch.json").WorkflowPayload
	w = parse(t, strings.Replace(string(dispatch), "        name: one\n", "", 1))
	got, err = w.MarshalJob(w.Jobs[0], MarshalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(dispatch), string(got)); diff != "" {
		t.Errorf("payload (-server +ours):\n%s", diff)
	}
}

func TestServerPayloadStringifiesAndDrops(t *testing.T) {
	yes := true
	w := parse(t, `
on: push
env: {V: 1.10, B: true, T: 2020-01-01, O: 010}
jobs:
  a:
    runs-on: [x, y]
    if: true
    continue-on-error: ${{ matrix.n }}
    concurrency: g
    defaults: {run: {working-directory: 1}}
    services: {db: redis}
    steps:
      - {run: 5, continue-on-error: false, env: {}}
      - {run: x, continue-on-error: "${{ matrix.n }}", shell: sh, name: 7}
      - {run: x, continue-on-error: "true", timeout-minutes: 0.5}
  b:
    uses: ./x.yml
    with: {n: 1}
    secrets: inherit
`)
	got, err := w.MarshalJob(w.Job("a"), MarshalOptions{ContinueOnError: &yes})
	if err != nil {
		t.Fatal(err)
	}
	want := `"on": push
env:
    V: "1.10"
    B: "true"
    T: "2020-01-01"
    O: "010"
jobs:
    a:
        name: a
        runs-on: [x, y]
        if: "true"
        steps:
            - run: "5"
            - name: "7"
              run: x
              shell: sh
            - run: x
              continue-on-error: true
              timeout-minutes: "0.5"
        continue-on-error: true
        services:
            db:
                image: redis
        defaults:
            run:
                working-directory: "1"
        concurrency:
            group: g
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err = w.MarshalJob(w.Job("b"), MarshalOptions{})
	if err != nil || !strings.Contains(string(got), "uses: ./x.yml") || !strings.Contains(string(got), "secrets: inherit") {
		t.Errorf("job b is sent as %s, %v", got, err)
	}
}

func TestServerTakesNoExpressionForAWholeMapping(t *testing.T) {
	for _, source := range []string{
		"on: push\nenv: ${{ x }}\njobs: {a: {runs-on: x, steps: [{run: x}]}}",
		block("outputs: ${{ x }}", "steps: [{run: x}]"),
		block("services: ${{ x }}", "steps: [{run: x}]"),
		block("services: {db: {image: x, env: '${{ x }}'}}", "steps: [{run: x}]"),
		block("steps: [{uses: x, with: '${{ x }}'}]"),
	} {
		w := parse(t, source)
		if _, err := w.MarshalJob(w.Jobs[0], MarshalOptions{}); err == nil || !strings.Contains(err.Error(), "the server takes no expression") {
			t.Errorf("error %v for\n%s", err, source)
		}
		if _, err := w.MarshalJob(w.Jobs[0], MarshalOptions{KeepAll: true}); err != nil {
			t.Errorf("error %v when all is kept for\n%s", err, source)
		}
	}
}

func TestKeepAllKeepsEveryKey(t *testing.T) {
	w := parse(t, recordedSource)
	yes := true
	opts := planned(t, w.Job("a"), 0, true)
	opts.ContinueOnError = &yes
	data, err := w.MarshalJob(w.Job("a"), opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range []string{
		"concurrency: {group: wf}", "unknown: dropped", "environment: prod", "needs: [b]", "fetch-depth: 0", "persist-credentials: false",
		"timeout-minutes: 5", "fail-fast: false", "name: A x-1\n", "runs-on: x\n", "run-name: Run by probe no 1\n", "cancel-in-progress: false",
		"continue-on-error: true\n",
	} {
		if !strings.Contains(string(data), kept) {
			t.Errorf("%q is missing in\n%s", kept, data)
		}
	}
	again := parse(t, string(data))
	if len(again.Jobs) != 1 || len(again.Jobs[0].Steps) != 2 {
		t.Fatalf("%d jobs, steps %v", len(again.Jobs), again.Jobs[0].Steps)
	}
	plan, err := Expand(again.Jobs[0].Strategy, scope(nil))
	if err != nil || len(plan.Combinations) != 1 || compact(plan.Combinations[0].Values) != `{"os":"x","n":1,"extra":"yes"}` {
		t.Errorf("plan %+v, %v", plan, err)
	}
	if len(w.Job("a").Steps) != 2 || w.Job("a").RunsOn.Text() != "${{ matrix.os }}" {
		t.Error("the workflow itself was changed")
	}
}

func TestEvaluatedTextIsNotEvaluatedAgain(t *testing.T) {
	w := parse(t, block("runs-on: x", "strategy: {matrix: {v: [1]}}", "steps: [{run: x}]"))
	evil := "it's ${{ secrets.TOKEN }}"
	for _, keepAll := range []bool{true, false} {
		data, err := w.MarshalJob(w.Jobs[0], MarshalOptions{
			KeepAll: keepAll, Name: evil, RunName: evil, RunsOn: []string{evil, "y"},
			Matrix: expression.FromAny(map[string]any{"v": evil, "deep": []any{map[string]any{"k": evil}}}),
		})
		if err != nil {
			t.Fatal(err)
		}
		again := parse(t, string(data))
		job := again.Jobs[0]
		plan, err := Expand(job.Strategy, scope(nil))
		if err != nil {
			t.Fatal(err)
		}
		values := plan.Combinations[0].Values
		if got, _ := values.Get("v"); got.Text() != evil {
			t.Errorf("matrix value %q", got.Text())
		}
		if got, _ := values.Get("deep"); compact(got) != `[{"k":"it's ${{ secrets.TOKEN }}"}]` {
			t.Errorf("matrix value %s", compact(got))
		}
		if name, err := job.EvalName(scope(nil), Combination{}); err != nil || name != evil {
			t.Errorf("name %q, %v", name, err)
		}
		if name, err := again.RunName.EvalString(scope(nil)); err != nil || name != evil {
			t.Errorf("run-name %q, %v", name, err)
		}
		if target, err := job.EvalRunsOn(scope(nil)); err != nil || target.Labels[0] != evil {
			t.Errorf("runs-on %v, %v", target, err)
		}
	}
}

func TestMatrixValuesSurviveAPayload(t *testing.T) {
	source := `[1, 1.5, -0.25, 1e300, 0x10, true, "true", ~, "", "1", "yes", "a: b", "- x", "#", " x ", "0755", {k: [1, {l: ~}]}, [], {}, .inf, -.inf, "2020-01-01", "é\n\t\"", "~"]`
	w := parse(t, block("runs-on: x", "strategy:", "  matrix:", "    v: "+source, "steps: [{run: x}]"))
	plan, err := Expand(w.Jobs[0].Strategy, scope(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.Combinations {
		for _, keepAll := range []bool{true, false} {
			data, err := w.MarshalJob(w.Jobs[0], MarshalOptions{KeepAll: keepAll, Matrix: c.Values})
			if err != nil {
				t.Fatal(err)
			}
			again, err := Expand(parse(t, string(data)).Jobs[0].Strategy, scope(nil))
			if err != nil || len(again.Combinations) != 1 {
				t.Fatalf("%s gives %v, %v", data, again, err)
			}
			want, _ := c.Values.Get("v")
			got, _ := again.Combinations[0].Values.Get("v")
			if got.Kind() != want.Kind() || got.JSON() != want.JSON() || got.Text() != want.Text() {
				t.Errorf("%s %s became %s %s", want.Kind(), want.JSON(), got.Kind(), got.JSON())
			}
		}
	}
}

// TestAWorkflowStaysAsItIsWhenItIsMarshalled holds that values can be evaluated
// again after a payload was made.
func TestAWorkflowStaysAsItIsWhenItIsMarshalled(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := parse(t, "on: push\nenv: {A: \"${{ 'a' }}\"}\njobs: {a: {runs-on: x, env: {B: \"${{ 'b' }}\"}, steps: [{run: x}]}}")
		if _, err := w.MarshalJob(w.Jobs[0], MarshalOptions{KeepAll: keep}); err != nil {
			t.Fatal(err)
		}
		for _, v := range []Value{w.Env.Get("A"), w.Jobs[0].Env.Get("B")} {
			if !v.IsExpression() {
				t.Errorf("%q is no expression any more", v.Text())
			}
		}
	}
}
