package coordinator_test

import (
	"os"
	"path/filepath"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"multirunner/network/coordinator"
	"multirunner/workflow/model"
)

// recorded gives a task of a real Gitea: a FetchTask answer, or a task alone.
func recorded(t *testing.T, name string) *runnerv1.Task {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var answer runnerv1.FetchTaskResponse
	if protojson.Unmarshal(data, &answer) == nil {
		return answer.GetTask()
	}
	var task runnerv1.Task
	if err := protojson.Unmarshal(data, &task); err != nil {
		t.Fatal(err)
	}
	return &task
}

func TestRecordedTasksPlanAndComeBackAsTheyWere(t *testing.T) {
	for name, want := range map[string]struct {
		job, matrix string
		steps       []string
	}{
		"task-matrix.json": {"a", `{"n":2,"os":"x"}`, []string{"Run actions/checkout@v4", `Run echo "v=1" >> $GITHUB_OUTPUT`}},
		"task-needs.json":  {"one", "null", []string{"Run echo 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			task := recorded(t, name)
			parsed, err := model.Parse(name, task.GetWorkflowPayload())
			if err != nil {
				t.Fatal(err)
			}
			plan, err := model.Expand(parsed.Job(want.job).Strategy, emptyScope)
			if err != nil || len(plan.Combinations) != 1 {
				t.Fatalf("plan %+v, %v", plan, err)
			}
			if got := compact(plan.Combinations[0].Values.JSON()); got != want.matrix {
				t.Errorf("matrix %s", got)
			}

			b := newBench(t, coordinator.Options{})
			r := b.runner(coordinator.RunnerSpec{})
			b.Enqueue(coordinator.RawJob{
				Key: want.job, Payload: task.GetWorkflowPayload(), Context: task.GetContext(),
				Secrets: task.GetSecrets(), Vars: task.GetVars(), Needs: task.GetNeeds(),
			})
			got := r.mustFetch()
			ignore := protocmp.IgnoreFields(&runnerv1.Task{}, "id", "secrets")
			if diff := cmp.Diff(task, got, protocmp.Transform(), ignore); diff != "" {
				t.Error(diff)
			}
			var names []string
			for _, step := range b.task(got.GetId()).Steps {
				names = append(names, step.Name)
			}
			if diff := cmp.Diff(want.steps, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What the coordinator itself sends has the keys that a real server sends.
func TestContextsHaveTheRecordedKeys(t *testing.T) {
	real := recorded(t, "task-matrix.json").GetContext().GetFields()
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	ours := r.mustFetch().GetContext().GetFields()
	for key := range real {
		if ours[key] == nil {
			t.Errorf("%s is missing", key)
		}
	}
	for key := range ours {
		if real[key] == nil {
			t.Errorf("%s is not sent by a real server", key)
		}
	}
}
