package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/workflow/model"
)

func TestSetUpTellsWhoRunsWhat(t *testing.T) {
	b := runPayload(t, steps("- run: out x"))
	setUp := strings.Join(b.trace.rows[:b.trace.end.GetSteps()[0].GetLogIndex()], "\n")
	for _, want := range []string{"team-a", "1.2.3", "linux, x64", "fake (label linux:host)", "Linux X64, Test OS 1", "https://git.example.org", "Task 11", "probe/demo", "a place is made"} {
		if !strings.Contains(setUp, want) {
			t.Errorf("%q is not in:\n%s", want, setUp)
		}
	}
}

func TestPayloadsThatAreNone(t *testing.T) {
	tests := []struct{ claim, payload, row string }{
		{"empty", "", "payload of task 11"},
		{"not YAML", "a: [", "payload of task 11"},
		{"no workflow", "hello", "payload of task 11"},
		{"no job", "on: push\njobs: {}\n", "payload of task 11"},
		{"two jobs", "on: push\njobs: {a: {runs-on: x, steps: [{run: x}]}, b: {runs-on: x, steps: [{run: x}]}}\n", "2 jobs"},
		{"a step without run and uses", steps("- name: nothing"), "step 1"},
		{"a step with both", steps("- {run: x, uses: y}"), "step 1"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := newBench(t, "x")
			b.task.WorkflowPayload = []byte(test.payload)
			b.run()
			b.wantResult(failure)
			b.wantRow("##[error]", test.row)
			if calls := strings.Join(b.executor.calls, " "); calls != "Cleanup" {
				t.Errorf("the executor was called: %s", calls)
			}
		})
	}
}

func TestTheConditionOfAJob(t *testing.T) {
	ok := &runnerv1.TaskNeed{Result: runnerv1.Result_RESULT_SUCCESS}
	bad := &runnerv1.TaskNeed{Result: runnerv1.Result_RESULT_FAILURE}
	skip := &runnerv1.TaskNeed{Result: runnerv1.Result_RESULT_SKIPPED}
	stop := &runnerv1.TaskNeed{Result: runnerv1.Result_RESULT_CANCELLED}
	type needs = map[string]*runnerv1.TaskNeed
	tests := []struct {
		claim, condition string
		needs            needs
		want             result
	}{
		{"none runs", "", nil, success},
		{"true runs", "github.ref == 'refs/heads/main'", nil, success},
		{"false skips", "${{ github.ref == 'refs/heads/other' }}", nil, skipped},
		{"needs that succeeded", "success()", needs{"b": ok}, success},
		{"a need that failed", "success()", needs{"b": ok, "c": bad}, skipped},
		{"without a status function success() is meant", "needs.b.result == 'failure'", needs{"b": bad}, skipped},
		{"failure() with a failed need", "failure()", needs{"b": bad, "c": skip}, success},
		{"cancelled() with a cancelled need", "cancelled()", needs{"b": stop, "c": skip}, success},
		{"failure() without one", "failure()", needs{"b": ok}, skipped},
		{"a skipped need is no success", "success()", needs{"b": skip}, skipped},
		{"always()", "always()", needs{"b": bad}, success},
		{"no condition with needs is the server's to decide", "", needs{"b": bad}, success},
		{"inputs and vars", "vars.MYVAR == 'v1' && !inputs.x", nil, success},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			payload := strings.Replace(steps("- run: out x\n- run: out y"), "runs-on: x\n", "runs-on: x\n    if: \""+test.condition+"\"\n", 1)
			if test.condition == "" {
				payload = steps("- run: out x\n- run: out y")
			}
			b := newBench(t, payload)
			b.task.Needs = test.needs
			b.run()
			b.wantResult(test.want)
			if test.want == skipped {
				b.wantResults("skipped skipped")
				b.wantRow("skipped", "if")
				if calls := strings.Join(b.executor.calls, " "); calls != "Cleanup" {
					t.Errorf("the executor of a skipped job was called: %s", calls)
				}
			}
		})
	}
}

func TestAJobThatAsksForWhatIsNotThereFails(t *testing.T) {
	const start = "on: push\njobs:\n  a:\n    runs-on: x\n"
	tests := []struct{ claim, payload, row string }{
		{"a reusable workflow", "on: push\njobs: {a: {uses: ./.gitea/workflows/b.yml}}\n", "reusable workflow ./.gitea/workflows/b.yml"},
		{"a container", start + "    container: node:20\n    steps: [{run: out x}]\n", "container"},
		{"a container with an image", start + "    container: {image: \"node:${{ vars.MYVAR }}\"}\n    steps: [{run: out x}]\n", "container"},
		{"services", start + "    services: {db: {image: redis}}\n    steps: [{run: out x}]\n", "services"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := runPayload(t, test.payload)
			b.wantResult(failure)
			b.wantRow("##[error]", `job "a"`, test.row)
		})
	}
	for _, none := range []string{"container: ''", "container: \"${{ vars.NONE }}\"", "container: {image: \"${{ vars.NONE }}\"}", "services: {}", "services: {db: {image: \"${{ vars.NONE }}\"}}"} {
		b := runPayload(t, start+"    "+none+"\n    steps: [{run: out x}]\n")
		b.wantResult(success)
	}
}

func TestAPlaceThatCannotBeMadeFailsTheJob(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.executor.prepare = func(context.Context) error { return errors.New("disk full") }
	b.run()
	b.wantResult(failure)
	b.wantResults("skipped")
	b.wantRow("##[error]", "fake executor", "disk full")
	if calls := strings.Join(b.executor.calls, " "); calls != "Prepare Cleanup" {
		t.Errorf("calls: %s", calls)
	}
}

func TestAnEventThatCannotBeWrittenFailsTheJob(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.executor.failures = map[string]error{"WriteTemp": errors.New("disk full")}
	b.run()
	b.wantResult(failure)
	b.wantRow("##[error]", "event", "disk full")
}

// recorded is a task that a real server has sent.
func recorded(t *testing.T, file string) *bench {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var answer runnerv1.FetchTaskResponse
	if err := protojson.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, "x")
	b.task = answer.GetTask()
	return b
}

func TestRecordedTasks(t *testing.T) {
	b := recorded(t, "testdata/task-dispatch.json").run()
	b.wantResult(success)
	wantEnv(t, environOf(b, 0), map[string]string{
		"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_SERVER_URL": "http://127.0.0.1:28431", "GITHUB_WORKFLOW": "s.yml",
	})

	b = recorded(t, "testdata/task-matrix.json").run()
	b.wantResult(failure)
	b.wantRow("##[error]", "container")

	b = recorded(t, "testdata/task-matrix.json")
	payload := string(b.task.WorkflowPayload)
	for _, part := range []string{"        container:\n            image: node:20\n", "        services:\n            db:\n                image: redis\n                ports:\n                    - 6379:6379\n"} {
		if !strings.Contains(payload, part) {
			t.Fatalf("the payload does not have %q", part)
		}
		payload = strings.Replace(payload, part, "", 1)
	}
	b.task.WorkflowPayload = []byte(payload)
	b.run()
	b.wantResults("failure success")
	b.wantRow("env:")
	b.wantRow("  TOP: v1")
	b.wantRow("  E: ***")
	b.wantNoRow("line2")
}

func TestASecretInAFaultIsMasked(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.executor.prepare = func(context.Context) error { return errors.New("no s3cr3t-value") }
	b.run()
	b.wantNoRow("s3cr3t-value")
	if strings.Contains(b.trace.reason, "s3cr3t-value") {
		t.Errorf("reason %q", b.trace.reason)
	}
}

func TestErrorsTellTheLineOfTheWorkflowNeverThatOfThePayload(t *testing.T) {
	b := newBench(t, steps("- run: out ${{ nonsense }}"))
	b.run()
	b.wantRow("##[error]payload of task 11: job \"a\": step 1: run: ", "nonsense")

	b = newBench(t, steps("- run: out ${{ nonsense }}\n- if: always()\n  run: out [${{ github.multirunner_source }}]"))
	w, err := model.Parse("dir/x.yml", append([]byte("# a comment\n"), b.task.WorkflowPayload...))
	if err != nil {
		t.Fatal(err)
	}
	source := w.Source(w.Jobs[0], model.MarshalOptions{KeepAll: true})
	b.task.Context.Fields[model.SourceKey] = structpb.NewStringValue(source.Text())
	b.run()
	b.wantRow(fmt.Sprintf("##[error]dir/x.yml:%d: job \"a\": step 1: run: ", w.Jobs[0].Steps[0].Line), "nonsense")
	b.wantRows(1, "[]")
}
