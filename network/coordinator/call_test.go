package coordinator_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"

	"multirunner/network/coordinator"
	"multirunner/workflow/model"
)

// project has workflows that can be called, by their name without directory.
type project map[string]string

func (p project) read(path string) ([]byte, error) {
	text, ok := p[strings.TrimPrefix(path, ".gitea/workflows/")]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

// calling is a run of the project's workflow w.yml.
func (p project) calling() coordinator.Run {
	run := workflow(p["w.yml"])
	run.Called = p.read
	return run
}

const steps = "runs-on: linux, steps: [{run: x}]"

// twoJobs can be called; its second job needs the first.
const twoJobs = `
on: {workflow_call: {outputs: {o: {value: "${{ jobs.one.outputs.o }}"}}}}
jobs:
  one: {` + steps + `}
  two: {needs: one, ` + steps + `}
`

func TestCalls(t *testing.T) {
	for name, test := range map[string]struct {
		project project
		script  script
		want    map[string]string
	}{
		"children come in the place of the caller": {project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  first: {` + steps + `}
  call: {needs: first, uses: ./.gitea/workflows/c.yml}
  last: {needs: call, if: "needs.call.outputs.o == 'yes'", ` + steps + `}
`}, script{outputs: map[string]map[string]string{"call / one": {"o": "yes"}}},
			map[string]string{"": "success", "first": "success", "call": "success", "call / one": "success", "call / two": "success", "last": "success"}},

		"a failure of a child is one of the caller": {project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  call: {uses: ./.gitea/workflows/c.yml}
  last: {needs: call, ` + steps + `}
  told: {needs: call, if: "failure() && needs.call.result == 'failure'", ` + steps + `}
`}, script{results: map[string]runnerv1.Result{"call / one": failure}},
			map[string]string{"": "failure", "call": "failure", "call / one": "failure", "call / two": "skipped", "last": "skipped", "told": "success"}},

		"a cancelled child cancels the caller": {project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  call: {uses: ./.gitea/workflows/c.yml}
  told: {needs: call, if: "always() && needs.call.result == 'cancelled'", ` + steps + `}
`}, script{results: map[string]runnerv1.Result{"call / two": cancelled}},
			map[string]string{"": "cancelled", "call": "cancelled", "call / one": "success", "call / two": "cancelled", "told": "success"}},

		"skipped children are a skipped caller": {project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  call: {uses: ./.gitea/workflows/c.yml}
  last: {needs: call, ` + steps + `}
`}, script{results: map[string]runnerv1.Result{"call / one": skipped}},
			map[string]string{"": "skipped", "call": "skipped", "call / one": "skipped", "call / two": "skipped", "last": "skipped"}},

		"a child that may fail": {project{"c.yml": `
on: workflow_call
jobs: {one: {continue-on-error: true, ` + steps + `}}
`, "w.yml": `
on: push
jobs:
  call: {uses: ./.gitea/workflows/c.yml}
  last: {needs: call, ` + steps + `}
`}, script{results: map[string]runnerv1.Result{"call / one": failure}},
			map[string]string{"": "success", "call": "success", "call / one": "failure", "last": "success"}},

		"the caller's own condition": {project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  no: {if: "github.event_name == 'schedule'", uses: ./.gitea/workflows/c.yml}
  bad: {if: nothing.here, uses: ./.gitea/workflows/c.yml}
  after: {needs: bad, name: After all, uses: ./.gitea/workflows/c.yml}
`}, script{}, map[string]string{"": "failure", "no": "skipped", "bad": "failure", "After all": "skipped"}},

		"a matrix of calls": {project{"c.yml": `
on: {workflow_call: {inputs: {n: {type: number}}, outputs: {n: {value: "${{ jobs.one.outputs.n }}"}}}}
jobs: {one: {name: "job ${{ inputs.n }}${{ inputs.n == 2 }}", ` + steps + `}}
`, "w.yml": `
on: push
jobs:
  plain: {strategy: {matrix: {n: [1, 2]}}, uses: ./.gitea/workflows/c.yml, with: {n: "${{ matrix.n }}"}}
  named: {strategy: {matrix: {n: [2]}}, name: "for ${{ matrix.n }}", uses: ./.gitea/workflows/c.yml, with: {n: "${{ matrix.n }}"}}
  last: {needs: [plain], if: "needs.plain.outputs.n == 'b'", ` + steps + `}
`}, script{outputs: map[string]map[string]string{"plain (1) / job 1false": {"n": "a"}, "plain (2) / job 2true": {"n": "b"}}},
			map[string]string{"": "success", "plain (1)": "success", "plain (1) / job 1false": "success", "plain (2)": "success", "plain (2) / job 2true": "success",
				"for 2": "success", "for 2 / job 2true": "success", "last": "success"}},

		"calls in calls": {project{"c.yml": `
on: {workflow_call: {outputs: {deep: {value: "${{ jobs.call.outputs.deep }} ${{ jobs.call.result }}"}}}}
jobs:
  before: {` + steps + `}
  call: {needs: before, uses: ./.gitea/workflows/d.yml}
`, "d.yml": `
on: {workflow_call: {outputs: {deep: {value: "${{ jobs.one.outputs.o }}"}}}}
jobs: {one: {strategy: {matrix: {n: [1, 2]}}, ` + steps + `}}
`, "w.yml": `
on: push
jobs:
  call: {uses: ./.gitea/workflows/c.yml}
  last: {needs: call, if: "needs.call.outputs.deep == 'down success'", ` + steps + `}
`}, script{outputs: map[string]map[string]string{"call / call / one (2)": {"o": "down"}}},
			map[string]string{"": "success", "call": "success", "call / before": "success", "call / call": "success",
				"call / call / one (1)": "success", "call / call / one (2)": "success", "last": "success"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{KeepAll: true, MatrixRules: true})
			got, _ := test.script.run(t, b, test.project.calling())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCallsThatCannotBe holds what a person reads: the caller, its file and
// line, and what to do.
func TestCallsThatCannotBe(t *testing.T) {
	chain := func(n int) project { // w.yml calls 1.yml, which calls 2.yml, up to n
		p := project{"w.yml": "on: push\njobs:\n  call:\n    uses: ./.gitea/workflows/1.yml\n"}
		for i := 1; i < n; i++ {
			p[fmt.Sprintf("%d.yml", i)] = fmt.Sprintf("on: workflow_call\njobs:\n  call:\n    uses: ./.gitea/workflows/%d.yml\n", i+1)
		}
		p[fmt.Sprintf("%d.yml", n)] = "on: workflow_call\njobs: {end: {" + steps + "}}"
		return p
	}
	const declares = "on:\n  workflow_call:\n    inputs: {n: {type: number, required: true}}\n    secrets: {S: {required: true}}\njobs: {one: {" + steps + "}}"
	calls := func(c string, lines ...string) project {
		return project{"c.yml": c, "w.yml": "on: push\njobs:\n  call:\n    " + strings.Join(append([]string{"uses: ./.gitea/workflows/c.yml"}, lines...), "\n    ")}
	}
	for name, test := range map[string]struct {
		project project
		job     string // "call" by default
		want    string // "" is none
	}{
		"not there":          {project: project{"w.yml": "on: push\njobs:\n  call:\n    uses: ./.gitea/workflows/none.yml"}, want: `.gitea/workflows/w.yml:4: job "call": uses: the project has no .gitea/workflows/none.yml`},
		"elsewhere":          {project: project{"w.yml": "on: push\njobs:\n  call:\n    uses: o/r/.gitea/workflows/c.yml@v1"}, want: `.gitea/workflows/w.yml:4: job "call": uses: "o/r/.gitea/workflows/c.yml@v1" is not a workflow of this project`},
		"a url":              {project: project{"w.yml": "on: push\njobs:\n  call:\n    uses: https://git.example.org/o/r/.gitea/workflows/c.yml@v1"}, want: `no other can be called here: write ./.gitea/workflows/NAME.yml`},
		"not callable":       {project: calls("on: push\njobs: {one: {" + steps + "}}"), want: `w.yml:4: job "call": uses: .gitea/workflows/c.yml cannot be called: its "on" has no workflow_call`},
		"has faults":         {project: calls("on: workflow_call\njobs: {one: {runs-on: x}, two: {}}"), want: `w.yml:4: job "call": uses: .gitea/workflows/c.yml:2: job "one": has neither "steps" nor "uses": there is nothing to run; .gitea/`},
		"a circle of it":     {project: calls("on: workflow_call\njobs: {a: {needs: b, " + steps + "}, b: {needs: a, " + steps + "}}"), want: `the jobs wait for each other`},
		"missing input":      {project: calls(declares, "secrets: inherit"), want: `w.yml:4: job "call": uses: .gitea/workflows/c.yml requires the input "n"`},
		"unknown input":      {project: calls(declares, "with: {n: 1,", "  m: 2}"), want: `w.yml:6: job "call": with.m: .gitea/workflows/c.yml declares no input "m"`},
		"wrong input":        {project: calls(declares, "with: {n: one}"), want: `w.yml:5: job "call": with.n: must be a number, not "one" (input of .gitea/workflows/c.yml)`},
		"missing secret":     {project: calls(declares, "with: {n: 1}"), want: `w.yml:4: job "call": uses: .gitea/workflows/c.yml requires the secret "S"`},
		"none inherited":     {project: calls(declares, "with: {n: 1}", "secrets: inherit"), want: `w.yml:6: job "call": secrets: .gitea/workflows/c.yml requires the secret "S", and there is none to inherit`},
		"no secrets in with": {project: calls(declares, "with: {n: '${{ secrets.S }}'}"), want: `w.yml:5: job "call": with.n:`},
		"outputs": {project: calls("on: {workflow_call: {outputs: {o: {value: \"${{ needs.x }}\"}}}}\njobs: {one: {" + steps + "}}"),
			want: `job "call": the outputs of what it calls: .gitea/workflows/c.yml:1: on.workflow_call.outputs.o.value:`},
		"four calls in a row": {project: chain(4), job: "call / call / call / call"},
		"five calls in a row": {project: chain(5), job: "call / call / call / call / call",
			want: `.gitea/workflows/4.yml:4: job "call": uses: 5 workflows called in a row are too many, at most 4 are allowed: .gitea/workflows/w.yml calls .gitea/workflows/1.yml calls`},
		"itself": {project: project{"w.yml": "on: [push, workflow_call]\njobs:\n  call:\n    uses: ./.gitea/workflows/w.yml"},
			want: `w.yml:4: job "call": uses: the workflows call each other: .gitea/workflows/w.yml calls .gitea/workflows/w.yml`},
		"each other": {project: project{"w.yml": "on: push\njobs:\n  call:\n    uses: ./.gitea/workflows/a.yml",
			"a.yml": "on: workflow_call\njobs:\n  call:\n    uses: ./.gitea/workflows/b.yml", "b.yml": "on: workflow_call\njobs:\n  call:\n    uses: ./.gitea/workflows/a.yml"},
			job: "call / call / call", want: `.gitea/workflows/b.yml:4: job "call": uses: the workflows call each other: .gitea/workflows/a.yml calls .gitea/workflows/b.yml calls .gitea/workflows/a.yml`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{KeepAll: true})
			r := b.capable()
			id, err := b.Submit(test.project.calling())
			if err != nil {
				t.Fatal(err)
			}
			for {
				task, _ := r.fetch(0)
				if task == nil {
					break
				}
				r.finish(task.GetId(), success, nil)
			}
			info, _ := b.Server.Run(id)
			if info.Status != coordinator.StatusSuccess == (test.want == "") {
				t.Errorf("the run is %s", info.Status)
			}
			if test.job == "" {
				test.job = "call"
			}
			for _, job := range info.Jobs {
				if job.Name != test.job {
					continue
				}
				if !strings.Contains(job.Message, test.want) || (job.Status == coordinator.StatusFailure) != (test.want != "") {
					t.Errorf("%s: %q, want %q", job.Status, job.Message, test.want)
				}
				return
			}
			t.Errorf("no job %q in %+v", test.job, info.Jobs)
		})
	}
}

func TestTasksOfCalledWorkflows(t *testing.T) {
	p := project{"c.yml": `
on:
  workflow_call:
    inputs:
      flag: {type: boolean}
      n: {type: number, default: 3}
      who: {type: string, default: "${{ github.actor }} ${{ inputs.none }}"}
    secrets: {ALIAS: , TOKEN: }
env: {OF: callee}
jobs:
  one: {if: inputs.flag, ` + steps + `}
`, "w.yml": `
on: {workflow_dispatch: {inputs: {outer: {default: x}}}}
run-name: the run
env: {OF: caller}
jobs:
  mapped:
    uses: ./.gitea/workflows/c.yml
    with: {flag: "${{ inputs.outer == 'x' }}"}
    secrets: {ALIAS: "${{ secrets.MINE }}", TOKEN: "${{ secrets.GITHUB_TOKEN }}"}
  inherited: {uses: ./.gitea/workflows/c.yml, secrets: inherit}
  none: {uses: ./.gitea/workflows/c.yml}
`}
	run := p.calling()
	run.Event, run.Actor, run.Vars = "workflow_dispatch", "ann", map[string]string{"V": "v"}
	run.Secrets = map[string]string{"MINE": "m"}
	run.Payload = map[string]any{"ref": "main"}
	_, tasks := script{}.run(t, newBench(t, coordinator.Options{KeepAll: true}), run)

	task := tasks["mapped / one"]
	context := task.GetContext().AsMap()
	want := map[string]any{"ref": "main", "inputs": map[string]any{"flag": true, "n": 3.0, "who": "ann "}}
	if diff := cmp.Diff(want, context["event"]); diff != "" {
		t.Error(diff)
	}
	if context["event_name"] != "workflow_call" || context["workflow"] != "w.yml" || context["job"] != "one" || task.GetVars()["V"] != "v" {
		t.Errorf("context %v", context)
	}
	secrets := task.GetSecrets()
	if len(secrets) != 4 || secrets["ALIAS"] != "m" || len(secrets["TOKEN"]) != 40 || secrets["GITHUB_TOKEN"] == "" {
		t.Errorf("mapped secrets %v", secrets)
	}
	if got := tasks["inherited / one"].GetSecrets(); len(got) != 3 || got["MINE"] != "m" {
		t.Errorf("inherited secrets %v", got)
	}
	if got := tasks["none / one"].GetSecrets(); len(got) != 2 {
		t.Errorf("no secrets: %v", got)
	}
	payload, err := model.Parse("payload", task.GetWorkflowPayload())
	if err != nil {
		t.Fatal(err)
	}
	if payload.Env.Get("OF").Text() != "callee" || payload.Job("one").Name.Text() != "one" {
		t.Errorf("payload %s", task.GetWorkflowPayload())
	}
	if source := context[model.SourceKey].(string); !strings.Contains(source, "c.yml") {
		t.Errorf("source %s", source)
	}
}

func TestATokenThatIsGivenReachesCalledWorkflows(t *testing.T) {
	p := project{"c.yml": "on: workflow_call\njobs: {one: {" + steps + "}}", "w.yml": "on: push\njobs: {call: {uses: ./.gitea/workflows/c.yml}}"}
	run := p.calling()
	run.Secrets = map[string]string{"GITHUB_TOKEN": "mine", "OTHER": "o"}
	_, tasks := script{}.run(t, newBench(t, coordinator.Options{}), run)
	if got := tasks["call / one"].GetSecrets(); len(got) != 2 || got["GITHUB_TOKEN"] != "mine" || got["GITEA_TOKEN"] != "mine" {
		t.Errorf("secrets %v", got)
	}
}

func TestCallsAreLeftToRunnersThatServersDoNotExpand(t *testing.T) {
	run := workflow("on: push\njobs: {call: {uses: ./.gitea/workflows/c.yml, runs-on: linux}}")
	got, tasks := script{}.run(t, newBench(t, coordinator.Options{}), run)
	if got["call"] != "success" || !strings.Contains(string(tasks["call"].GetWorkflowPayload()), "uses: ./.gitea/workflows/c.yml") {
		t.Errorf("got %v, %s", got, tasks["call"].GetWorkflowPayload())
	}
}

// TestCancellingCalls holds that nothing of a call starts after its end.
func TestCancellingCalls(t *testing.T) {
	p := project{"c.yml": twoJobs, "d.yml": "on: workflow_call\njobs:\n  in: {uses: ./.gitea/workflows/c.yml}\n  always: {needs: in, if: always(), " + steps + "}",
		"w.yml": "on: push\njobs:\n  call: {uses: ./.gitea/workflows/d.yml}\n  last: {needs: call, if: always(), " + steps + "}"}
	b := newBench(t, coordinator.Options{KeepAll: true})
	r := b.capable()
	id, err := b.Submit(p.calling())
	if err != nil {
		t.Fatal(err)
	}
	task := r.mustFetch()
	if err := b.CancelRun(id); err != nil {
		t.Fatal(err)
	}
	if got := r.update(state(task.GetId())); got != cancelled {
		t.Errorf("told %v", got)
	}
	r.finish(task.GetId(), cancelled, nil)
	results := b.results(id)
	want := map[string]string{"": "cancelled", "call": "cancelled", "call / in": "cancelled", "call / in / one": "cancelled",
		"call / in / two": "cancelled", "call / always": "cancelled", "last": "cancelled"}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Error(diff)
	}
}

func (b *bench) results(run int64) map[string]string {
	info, _ := b.Server.Run(run)
	results := map[string]string{"": info.Status.String()}
	for _, job := range info.Jobs {
		results[job.Name] = job.Status.String()
	}
	return results
}

func TestAMatrixOfCallsFailsFastAndKeepsItsWidth(t *testing.T) {
	p := project{"c.yml": twoJobs, "w.yml": `
on: push
jobs:
  call: {strategy: {max-parallel: 2, matrix: {n: [1, 2, 3]}}, uses: ./.gitea/workflows/c.yml}
`}
	b := newBench(t, coordinator.Options{KeepAll: true, MatrixRules: true})
	r := b.capable()
	id, err := b.Submit(p.calling())
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.mustFetch(), r.mustFetch()
	if task, _ := r.fetch(0); task != nil {
		t.Error("a third call runs")
	}
	r.finish(first.GetId(), failure, nil)
	if got := r.update(state(second.GetId())); got != cancelled {
		t.Errorf("told %v", got)
	}
	r.finish(second.GetId(), cancelled, nil)
	want := map[string]string{"": "failure", "call (1)": "failure", "call (1) / one": "failure", "call (1) / two": "skipped",
		"call (2)": "cancelled", "call (2) / one": "cancelled", "call (2) / two": "cancelled", "call (3)": "cancelled"}
	if diff := cmp.Diff(want, b.results(id)); diff != "" {
		t.Error(diff)
	}
}

func TestOnlySomeJobsWithWhatTheyCall(t *testing.T) {
	p := project{"c.yml": twoJobs, "w.yml": "on: push\njobs:\n  a: {" + steps + "}\n  call: {needs: a, uses: ./.gitea/workflows/c.yml}\n  b: {" + steps + "}"}
	run := p.calling()
	run.Jobs = []string{"call"}
	got, _ := script{}.run(t, newBench(t, coordinator.Options{}), run)
	want := map[string]string{"": "success", "a": "success", "call": "success", "call / one": "success", "call / two": "success"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCallsDoNotMultiplyWithoutEnd holds that matrices of calls are bounded.
func TestCallsDoNotMultiplyWithoutEnd(t *testing.T) {
	const many = "strategy: {fail-fast: false, matrix: {a: [1,2,3,4,5,6,7,8,9,10], b: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]}}"
	p := project{"w.yml": "on: push\njobs: {call: {" + many + ", uses: ./.gitea/workflows/c.yml}}",
		"c.yml": "on: workflow_call\njobs: {one: {" + many + ", uses: ./.gitea/workflows/d.yml}}", "d.yml": "on: workflow_call\njobs: {end: {" + steps + "}}"}
	b := newBench(t, coordinator.Options{})
	id, err := b.Submit(p.calling())
	if err != nil {
		t.Fatal(err)
	}
	info, _ := b.Server.Run(id)
	if len(info.Jobs) > 10_000 {
		t.Errorf("%d jobs", len(info.Jobs))
	}
	refused := 0
	for _, job := range info.Jobs {
		if strings.Contains(job.Message, "too many jobs") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no call was refused")
	}
}
