package coordinator_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"

	"multirunner/network/coordinator"
	"multirunner/workflow/model"
)

// script runs a workflow to its end: every task ends as the table says for its
// job's name, success by default. It gives the jobs' results by name, in order
// of planning, and the tasks as they were fetched.
type script struct {
	results map[string]runnerv1.Result
	outputs map[string]map[string]string
}

func (sc script) run(t *testing.T, b *bench, run coordinator.Run) (map[string]string, map[string]*runnerv1.Task) {
	t.Helper()
	r := b.capable()
	id, err := b.Submit(run)
	if err != nil {
		t.Fatal(err)
	}
	tasks := make(map[string]*runnerv1.Task)
	for {
		task, _ := r.fetch(0)
		if task == nil {
			break
		}
		job, _ := b.Job(b.task(task.GetId()).JobID)
		tasks[job.Name] = task
		result := success
		if wanted, ok := sc.results[job.Name]; ok {
			result = wanted
		}
		r.finish(task.GetId(), result, sc.outputs[job.Name])
	}
	info, ok := b.Server.Run(id)
	if !ok {
		t.Fatal("the run is gone")
	}
	results := map[string]string{"": info.Status.String()}
	for _, job := range info.Jobs {
		results[job.Name] = job.Status.String()
	}
	return results, tasks
}

func workflow(text string) coordinator.Run {
	return coordinator.Run{File: ".gitea/workflows/w.yml", Workflow: []byte(text)}
}

func TestRuns(t *testing.T) {
	for name, test := range map[string]struct {
		workflow string
		script   script
		want     map[string]string // by job name; "" is the run
	}{
		"needs": {`
on: push
jobs:
  c: {needs: [a, b], runs-on: linux, steps: [{run: x}]}
  a: {runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
`, script{}, map[string]string{"": "success", "a": "success", "b": "success", "c": "success"}},

		"a failure skips what needs it": {`
on: push
jobs:
  a: {runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
  c: {needs: b, runs-on: linux, steps: [{run: x}]}
  d: {runs-on: linux, steps: [{run: x}]}
`, script{results: map[string]runnerv1.Result{"a": failure}},
			map[string]string{"": "failure", "a": "failure", "b": "skipped", "c": "skipped", "d": "success"}},

		"conditions of jobs with needs": {`
on: push
jobs:
  a: {runs-on: linux, steps: [{run: x}]}
  always: {needs: a, if: always(), runs-on: linux, steps: [{run: x}]}
  failed: {needs: a, if: failure(), runs-on: linux, steps: [{run: x}]}
  named: {needs: a, if: "failure('a')", runs-on: linux, steps: [{run: x}]}
  bare: {needs: a, if: "github.event_name == 'push'", runs-on: linux, steps: [{run: x}]}
  not: {needs: a, if: "!success()", runs-on: linux, steps: [{run: x}]}
  output: {needs: a, if: "!cancelled() && needs.a.outputs.go == 'yes'", runs-on: linux, steps: [{run: x}]}
  result: {needs: a, if: "always() && needs.a.result == 'success'", runs-on: linux, steps: [{run: x}]}
`, script{results: map[string]runnerv1.Result{"a": failure}, outputs: map[string]map[string]string{"a": {"go": "yes"}}},
			map[string]string{"": "failure", "a": "failure", "always": "success", "failed": "success", "named": "success",
				"bare": "skipped", "not": "success", "output": "success", "result": "skipped"}},

		"the condition of a job without needs is the runner's": {`
on: push
jobs:
  a: {if: false, runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
`, script{results: map[string]runnerv1.Result{"a": skipped}}, map[string]string{"": "skipped", "a": "skipped", "b": "skipped"}},

		"continue-on-error": {`
on: push
jobs:
  a: {continue-on-error: true, runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
`, script{results: map[string]runnerv1.Result{"a": failure}}, map[string]string{"": "success", "a": "failure", "b": "success"}},

		"matrix": {`
on: push
jobs:
  a:
    name: ${{ matrix.os }} ${{ matrix.n }}${{ matrix.extra }}
    strategy:
      matrix:
        os: [x, y]
        n: [1, 2]
        exclude: [{os: y, n: 2}]
        include: [{os: x, n: 1, extra: "!"}, {os: z, n: 9}]
    runs-on: linux
    steps: [{run: x}]
  b: {strategy: {matrix: {v: [p, q]}}, runs-on: linux, steps: [{run: x}]}
`, script{}, map[string]string{"": "success", "x 1!": "success", "x 2": "success", "y 1": "success", "z 9": "success", "b (p)": "success", "b (q)": "success"}},

		"a matrix made of outputs": {`
on: push
jobs:
  a: {runs-on: linux, steps: [{run: x}]}
  b: {needs: a, strategy: {matrix: {v: "${{ fromJSON(needs.a.outputs.list) }}"}}, runs-on: linux, steps: [{run: x}]}
`, script{outputs: map[string]map[string]string{"a": {"list": `["p","q"]`}}},
			map[string]string{"": "success", "a": "success", "b (p)": "success", "b (q)": "success"}},

		"one failure of a matrix fails it, the rest runs on": {`
on: push
jobs:
  a: {strategy: {matrix: {v: [p, q, r]}}, runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
`, script{results: map[string]runnerv1.Result{"a (p)": failure}},
			map[string]string{"": "failure", "a (p)": "failure", "a (q)": "success", "a (r)": "success", "b": "skipped"}},

		"faults of a job fail it when its turn comes": {`
on: push
jobs:
  a: {runs-on: linux, steps: [{run: x}]}
  cond: {needs: a, if: "nothing.here", runs-on: linux, steps: [{run: x}]}
  label: {needs: a, runs-on: "${{ fromJSON('[') }}", steps: [{run: x}]}
  matrix: {needs: a, strategy: {matrix: "${{ needs.a.outputs.none }}x"}, runs-on: linux, steps: [{run: x}]}
`, script{}, map[string]string{"": "failure", "a": "success", "cond": "failure", "label": "failure", "matrix": "failure"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := test.script.run(t, newBench(t, coordinator.Options{}), workflow(test.workflow))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTasksKnowTheirDirectNeeds(t *testing.T) {
	sc := script{
		results: map[string]runnerv1.Result{"a (2)": failure},
		outputs: map[string]map[string]string{"a (1)": {"o": "one", "p": "kept"}, "a (2)": {"o": "two", "p": ""}},
	}
	_, tasks := sc.run(t, newBench(t, coordinator.Options{}), workflow(`
on: push
jobs:
  a: {strategy: {matrix: {n: [1, 2]}, fail-fast: false}, runs-on: linux, steps: [{run: x}]}
  soft: {continue-on-error: true, runs-on: linux, steps: [{run: x}]}
  b: {needs: [a, soft], if: always(), runs-on: linux, steps: [{run: x}]}
  c: {needs: b, runs-on: linux, steps: [{run: x}]}
`))
	needs := tasks["b"].GetNeeds()
	if len(needs) != 2 || needs["a"].GetResult() != failure || needs["soft"].GetResult() != success {
		t.Errorf("needs of b: %v", needs)
	}
	if got := needs["a"].GetOutputs(); got["o"] != "two" || got["p"] != "kept" {
		t.Errorf("outputs of a: %v", got)
	}
	if got := slices.Collect(maps.Keys(tasks["c"].GetNeeds())); !slices.Equal(got, []string{"b"}) {
		t.Errorf("needs of c: %v", got)
	}
	if tasks["a (1)"].Needs != nil {
		t.Errorf("needs of a: %v", tasks["a (1)"].GetNeeds())
	}
}

func TestPayloadsHoldOneCombination(t *testing.T) {
	for name, keep := range map[string]bool{"server": false, "exec": true} {
		t.Run(name, func(t *testing.T) {
			_, tasks := script{}.run(t, newBench(t, coordinator.Options{KeepAll: keep}), workflow(`
on: push
run-name: run of ${{ github.actor }}
jobs:
  a:
    strategy: {matrix: {n: [1, 2], include: [{n: 2, more: x}]}}
    runs-on: ["${{ 'linux' }}"]
    environment: prod
    steps: [{run: x, with: {n: 0}}]
`))
			parsed, err := model.Parse("payload", tasks["a (2, x)"].GetWorkflowPayload())
			if err != nil {
				t.Fatal(err)
			}
			job := parsed.Job("a")
			plan, err := model.Expand(job.Strategy, emptyScope)
			if err != nil || len(plan.Combinations) != 1 {
				t.Fatalf("plan %+v, %v", plan, err)
			}
			want := map[string]any{"n": 2.0, "more": "x"}
			if diff := cmp.Diff(want, plan.Combinations[0].Values.ToAny()); diff != "" {
				t.Error(diff)
			}
			if job.RunsOn.Text() != "linux" && (len(job.RunsOn.Items()) != 1 || job.RunsOn.Items()[0].Text() != "linux") {
				t.Errorf("runs-on %v", job.RunsOn.Text())
			}
			if parsed.RunName.Text() != "run of " {
				t.Errorf("run-name %q", parsed.RunName.Text())
			}
			if job.Environment.IsZero() == keep {
				t.Errorf("environment is %q", job.Environment.Text())
			}
		})
	}
}

func TestTheTasksContext(t *testing.T) {
	b := newBench(t, coordinator.Options{URL: "https://git.example.org/sub"})
	run := workflow(`
on: {workflow_dispatch: {inputs: {flag: {type: boolean}, who: {default: bob}, n: {type: number, default: 3}}}}
jobs:
  a: {runs-on: linux, name: "for ${{ inputs.who }} ${{ inputs.flag == true }}", steps: [{run: x}]}
`)
	run.Repo = coordinator.Scope{Owner: "acme", Repo: "demo"}
	run.Event, run.Inputs = "workflow_dispatch", map[string]string{"flag": "true"}
	run.Ref, run.SHA, run.Actor = "refs/heads/main", "abc", "alice"
	run.Payload = map[string]any{"ref": "main", "repository": map[string]any{"id": 1}}
	run.Secrets, run.Vars = map[string]string{"S": "s3cr3t"}, map[string]string{"V": "v"}
	run.Context = map[string]any{"sha": "replaced"}
	_, tasks := script{}.run(t, b, run)
	task := tasks["for bob true"]
	if task == nil {
		t.Fatalf("tasks %v", slices.Collect(maps.Keys(tasks)))
	}
	got := task.GetContext().AsMap()
	for key, want := range map[string]any{
		"actor": "alice", "api_url": "https://git.example.org/sub/api/v1", "base_ref": "", "event_name": "workflow_dispatch",
		"job": "a", "ref": "refs/heads/main", "ref_name": "main", "ref_protected": false, "ref_type": "branch",
		"repository": "acme/demo", "repositoryUrl": "https://git.example.org/sub/acme/demo", "repository_owner": "acme",
		"run_attempt": "1", "run_id": "1", "run_number": "1", "secret_source": "Actions", "sha": "replaced",
		"server_url": "https://git.example.org/sub/", "workflow": "w.yml", "workspace": "", "gitea_default_actions_url": "https://github.com",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	event := got["event"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"flag": "true", "who": "bob", "n": "3"}, event["inputs"]); diff != "" {
		t.Errorf("inputs: %s", diff)
	}
	token := got["token"].(string)
	want := map[string]string{"S": "s3cr3t", "GITEA_TOKEN": token, "GITHUB_TOKEN": token}
	if diff := cmp.Diff(want, task.GetSecrets()); diff != "" || len(token) != 40 {
		t.Errorf("secrets: %s", diff)
	}
	if task.GetVars()["V"] != "v" || strings.Count(got["gitea_runtime_token"].(string), ".") != 2 {
		t.Errorf("vars %v, runtime token %v", task.GetVars(), got["gitea_runtime_token"])
	}
}

func TestATokenThatIsGivenIsTheJobs(t *testing.T) {
	run := workflow("on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}")
	run.Secrets = map[string]string{"GITHUB_TOKEN": "mine"}
	_, tasks := script{}.run(t, newBench(t, coordinator.Options{}), run)
	secrets, context := tasks["a"].GetSecrets(), tasks["a"].GetContext().AsMap()
	if secrets["GITHUB_TOKEN"] != "mine" || secrets["GITEA_TOKEN"] != "mine" || context["token"] != "mine" {
		t.Errorf("secrets %v, context %v", secrets, context["token"])
	}
}

func TestOnlySomeJobs(t *testing.T) {
	const text = `
on: push
jobs:
  a: {runs-on: linux, steps: [{run: x}]}
  b: {needs: a, runs-on: linux, steps: [{run: x}]}
  c: {needs: b, runs-on: linux, steps: [{run: x}]}
  d: {runs-on: linux, steps: [{run: x}]}
`
	run := workflow(text)
	run.Jobs = []string{"b"}
	got, _ := script{}.run(t, newBench(t, coordinator.Options{}), run)
	if diff := cmp.Diff(map[string]string{"": "success", "a": "success", "b": "success"}, got); diff != "" {
		t.Error(diff)
	}
	run.Jobs = []string{"nope"}
	if _, err := newBench(t, coordinator.Options{}).Submit(run); err == nil || !strings.Contains(err.Error(), `no job "nope"; it has a, b, c, d`) {
		t.Errorf("got %v", err)
	}
}

func TestRunsThatCannotBePlanned(t *testing.T) {
	dispatch := workflow("on: {workflow_dispatch: {inputs: {n: {type: choice, options: [p, q]}}}}\njobs: {a: {runs-on: linux, steps: [{run: x}]}}")
	dispatch.Event, dispatch.Inputs = "workflow_dispatch", map[string]string{"n": "r"}
	odd := workflow("on: push\njobs: {a: {runs-on: linux, steps: [{run: x}]}}")
	odd.Payload = map[string]any{"x": make(chan int)}
	for name, test := range map[string]struct {
		run  coordinator.Run
		want string
	}{
		"no workflow":    {workflow("- a"), "w.yml"},
		"a circle":       {workflow("on: push\njobs: {a: {needs: b, runs-on: x, steps: [{run: x}]}, b: {needs: a, runs-on: x, steps: [{run: x}]}}"), "needs"},
		"unknown need":   {workflow("on: push\njobs: {a: {needs: b, runs-on: x, steps: [{run: x}]}}"), "b"},
		"wrong input":    {dispatch, "n"},
		"event no JSON":  {odd, "event"},
		"run-name fault": {workflow("on: push\nrun-name: ${{ secrets.x }}\njobs: {a: {runs-on: x, steps: [{run: x}]}}"), "run-name"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{})
			sub := b.Events()
			if _, err := b.Submit(test.run); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if kinds, _ := drain(sub); len(kinds) > 0 {
				t.Errorf("events %v", kinds)
			}
		})
	}
}
