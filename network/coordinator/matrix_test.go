package coordinator_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/network/coordinator"
)

const matrixWorkflow = `
on: push
jobs:
  a:
    strategy: {matrix: {n: [1, 2, 3, 4]}, max-parallel: 2, fail-fast: FAILFAST}
    continue-on-error: ${{ matrix.n == 1 }}
    runs-on: linux
    steps: [{run: x}]
  b: {needs: a, if: always(), runs-on: linux, steps: [{run: x}]}
`

// jobs gives the statuses of a run's jobs by name.
func (b *bench) jobs(run int64) map[string]string {
	info, _ := b.Server.Run(run)
	got := make(map[string]string)
	for _, job := range info.Jobs {
		got[job.Name] = job.Status.String()
	}
	return got
}

func TestMaxParallelAndFailFastAsGitHubHasThem(t *testing.T) {
	b := newBench(t, coordinator.Options{MatrixRules: true})
	r := b.capable()
	run, err := b.Submit(workflow(replace(matrixWorkflow, "FAILFAST", "true")))
	if err != nil {
		t.Fatal(err)
	}
	first, second := r.mustFetch(), r.mustFetch()
	if task, _ := r.fetch(0); task != nil {
		t.Fatal("a third job of two")
	}
	r.finish(first.GetId(), failure, nil) // it may fail: continue-on-error
	third := r.mustFetch()
	r.finish(second.GetId(), failure, nil)
	if diff := cmp.Diff(map[string]string{"a (1)": "failure", "a (2)": "failure", "a (3)": "cancelling", "a (4)": "cancelled"}, b.jobs(run)); diff != "" {
		t.Error(diff)
	}
	r.finish(third.GetId(), success, nil)
	task := r.mustFetch()
	if got := task.GetNeeds()["a"].GetResult(); got != failure {
		t.Errorf("b is told that a is %v", got)
	}
	r.finish(task.GetId(), success, nil)
	info, err := b.Wait(t.Context(), run)
	if err != nil || info.Status != coordinator.StatusFailure {
		t.Errorf("run %+v, %v", info, err)
	}
}

func TestGiteaHandsOutAMatrixAtOnce(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.capable()
	run, err := b.Submit(workflow(replace(matrixWorkflow, "FAILFAST", "true")))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		defer r.finish(r.mustFetch().GetId(), failure, nil)
	}
	if diff := cmp.Diff(map[string]string{"a (1)": "running", "a (2)": "running", "a (3)": "running", "a (4)": "running"}, b.jobs(run)); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutFailFastTheOthersGoOn(t *testing.T) {
	b := newBench(t, coordinator.Options{MatrixRules: true})
	r := b.capable()
	run, err := b.Submit(workflow(replace(matrixWorkflow, "FAILFAST", "false")))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.finish(r.mustFetch().GetId(), failure, nil)
	}
	want := map[string]string{"a (1)": "failure", "a (2)": "failure", "a (3)": "failure", "a (4)": "failure", "b": "failure"}
	if diff := cmp.Diff(want, b.jobs(run)); diff != "" {
		t.Error(diff)
	}
}

func TestCancelRun(t *testing.T) {
	b := newBench(t, coordinator.Options{MatrixRules: true})
	r := b.capable()
	run, err := b.Submit(workflow(replace(matrixWorkflow, "FAILFAST", "true")))
	if err != nil {
		t.Fatal(err)
	}
	task := r.mustFetch()
	if err := b.CancelRun(run); err != nil {
		t.Fatal(err)
	}
	if got := r.update(state(task.GetId())); got != cancelled {
		t.Errorf("the runner is told %v", got)
	}
	r.finish(task.GetId(), success, nil)
	info, err := b.Wait(t.Context(), run)
	if err != nil || info.Status != coordinator.StatusCancelled {
		t.Errorf("run %+v, %v", info, err)
	}
	for name, status := range b.jobs(run) {
		if status != "cancelled" {
			t.Errorf("%s is %s", name, status)
		}
	}
	if err := b.CancelRun(99); err == nil {
		t.Error("cancelled a run that does not exist")
	}
}

func TestUnmatchedJobsCanBeFailed(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	b.capable()
	sub := b.Events()
	run, err := b.Submit(workflow("on: push\njobs:\n  a: {runs-on: mac, steps: [{run: x}]}\n  b: {needs: a, runs-on: linux, steps: [{run: x}]}\n  c: {runs-on: linux, steps: [{run: x}]}"))
	if err != nil {
		t.Fatal(err)
	}
	unmatched := b.Unmatched()
	if len(unmatched) != 1 || unmatched[0].Key != "a" {
		t.Fatalf("unmatched %+v", unmatched)
	}
	if err := b.FailJob(unmatched[0].ID, "no runner has the label mac"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "failure", "b": "skipped", "c": "waiting"}, b.jobs(run)); diff != "" {
		t.Error(diff)
	}
	_, events := drain(sub)
	var said bool
	for _, event := range events {
		said = said || event.Kind == coordinator.JobFinished && event.Job.Message == "no runner has the label mac"
	}
	if !said {
		t.Error("nobody is told why")
	}
	if err := b.FailJob(unmatched[0].ID, "again"); err == nil {
		t.Error("failed a job twice")
	}
}
