package model

import (
	"os"
	"path/filepath"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"multirunner/workflow/expression"
)

// recorded gives a task that a Gitea server sent.
func recorded(t *testing.T, name string) *runnerv1.Task {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var response runnerv1.FetchTaskResponse
	if err := protojson.Unmarshal(data, &response); err == nil {
		return response.Task
	}
	task := new(runnerv1.Task)
	if err := protojson.Unmarshal(data, task); err != nil {
		t.Fatal(err)
	}
	return task
}

// recordedScope has the contexts that the runner makes from a task.
func recordedScope(task *runnerv1.Task, matrix expression.Value) expression.Scope {
	return scope(map[string]any{
		"github": task.Context.AsMap(), "vars": task.Vars, "secrets": task.Secrets, "matrix": matrix,
		"steps": map[string]any{"s1": map[string]any{"outputs": map[string]any{"v": "1"}}},
	})
}

func TestRecordedMatrixTaskIsParsed(t *testing.T) {
	task := recorded(t, "task-matrix.json")
	w, err := Parse("payload of task 1", task.WorkflowPayload)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Warnings) > 0 || len(w.Jobs) != 1 || w.Name != "probe-wf" {
		t.Errorf("name %q, %d jobs, warnings %v", w.Name, len(w.Jobs), w.Warnings)
	}
	job := w.Job(task.Context.AsMap()["job"].(string))
	if job == nil || len(job.Steps) != 2 {
		t.Fatalf("job %+v", job)
	}
	plan, err := Expand(job.Strategy, recordedScope(task, expression.Null))
	if err != nil {
		t.Fatal(err)
	}
	if plan.FailFast || plan.MaxParallel != 1 || len(plan.Combinations) != 1 || compact(plan.Combinations[0].Values) != `{"n":2,"os":"x"}` {
		t.Errorf("plan %+v", plan)
	}
	s := recordedScope(task, plan.Combinations[0].Values)
	env, err := w.Env.EvalMap(s)
	if err != nil || len(env) != 1 || env[0] != (Pair{"TOP", "v1"}) {
		t.Errorf("env %v, %v", env, err)
	}
	minutes, err := job.TimeoutMinutes.EvalMinutes(s)
	if err != nil || minutes.Minutes() != 5 {
		t.Errorf("timeout %v, %v", minutes, err)
	}
	outputs, err := job.Outputs.EvalMap(s)
	if err != nil || len(outputs) != 1 || outputs[0] != (Pair{"o1", "1"}) {
		t.Errorf("outputs %v, %v", outputs, err)
	}
	step := job.Steps[1]
	goesOn, err := step.ContinueOnError.EvalBool(s, false)
	if err != nil || !goesOn || step.ID != "s1" {
		t.Errorf("step %s goes on after errors: %v, %v", step.ID, goesOn, err)
	}
	secret, err := step.Env.EvalMap(s)
	if err != nil || secret[0] != (Pair{"E", "s3cr3t\nline2"}) {
		t.Errorf("env of the step has not the secret: %v", err)
	}
	if with, err := job.Steps[0].With.EvalMap(s); err != nil || len(with) != 2 || with[1] != (Pair{"persist-credentials", "false"}) {
		t.Errorf("with %v, %v", with, err)
	}
	target, err := job.EvalRunsOn(s)
	if err != nil || len(target.Labels) != 1 || target.Labels[0] != "x" {
		t.Errorf("target %v, %v", target, err)
	}
}

func TestRecordedDispatchHasTypedInputs(t *testing.T) {
	task := recorded(t, "task-dispatch.json")
	w, err := Parse("payload of task 4", task.WorkflowPayload)
	if err != nil {
		t.Fatal(err)
	}
	event := task.Context.AsMap()["event"].(map[string]any)
	got, err := w.TypedInputs("workflow_dispatch", expression.FromAny(event["inputs"]))
	if err != nil || compact(got) != `{"flag":false,"num":3}` {
		t.Errorf("inputs %s, %v", compact(got), err)
	}
	if _, err := Order(w.Jobs); err != nil {
		t.Error(err)
	}
}
