//go:build real

package actionstest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
	"multirunner/executors/shell"
	"multirunner/helpers/mask"
	"multirunner/workflow/engine"
)

// dirSource has the actions below a directory: testdata/NAME at any ref is
// NAME there.
type dirSource struct{ root string }

func (d dirSource) Prepare(_ context.Context, requests []engine.ActionRequest, _ func(string)) ([]engine.PreparedAction, func(), error) {
	var prepared []engine.PreparedAction
	for _, r := range requests {
		dir := filepath.Join(d.root, strings.TrimPrefix(r.Reference.Name, "testdata/"))
		if _, err := os.Stat(dir); err != nil {
			return nil, nil, err
		}
		prepared = append(prepared, engine.PreparedAction{Dir: dir, Commit: strings.Repeat("0", 40)})
	}
	return prepared, func() {}, nil
}

// trace keeps what a job reports.
type trace struct {
	mu        sync.Mutex
	rows      []string
	outputs   map[string]string
	summaries map[int]string
	end       *runnerv1.TaskState
}

func (t *trace) Row(_ time.Time, content string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, content)
	return nil
}

func (t *trace) Rows() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.rows))
}

func (t *trace) State(*runnerv1.TaskState) error { return nil }

func (t *trace) Output(name, value string) error {
	t.outputs[name] = value
	return nil
}

func (t *trace) Summary(step int, markdown []byte) error {
	t.summaries[step] = string(markdown)
	return nil
}

func (t *trace) End(state *runnerv1.TaskState, _ string) error {
	t.end = state
	return nil
}

func (t *trace) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.rows, "\n")
}

// job is a job over the executor of this machine.
type job struct {
	t     testing.TB
	trace *trace
	spec  *common.JobSpec
	run   *engine.Job
}

// newJob makes a job of a list of steps, with actions of a directory. The
// workspace is a copy of testdata/workspace.
func newJob(t testing.TB, actions, steps string, change ...func(*common.JobSpec)) *job {
	t.Helper()
	actions, err := filepath.Abs(actions)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := &job{t: t, trace: &trace{outputs: map[string]string{}, summaries: map[int]string{}}}
	j.spec = &common.JobSpec{
		URL: "https://git.example.org", Registration: "test", RunnerVersion: "test", Executor: "shell",
		Environment: []string{"PATH=" + os.Getenv("PATH")},
		Dirs:        common.JobDirs{Build: filepath.Join(dir, "build"), Tools: filepath.Join(dir, "tools"), Actions: actions},
		Workspace:   common.Workspace{Mode: common.WorkspaceInPlace, Source: filepath.Join(dir, "work")},
		Shell: common.ShellConfig{
			GracefulKillTimeout: common.Duration(5 * time.Second), ForceKillTimeout: common.Duration(time.Second),
		},
	}
	if err := os.CopyFS(j.spec.Workspace.Source, os.DirFS("testdata/workspace")); err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(j.spec)
	}
	contexts, err := structpb.NewStruct(map[string]any{
		"event_name": "push", "repository": "octo/demo", "ref": "refs/heads/main", "sha": strings.Repeat("1", 40),
		"server_url": "https://git.example.org/", "gitea_default_actions_url": "https://actions.example.org",
		"token": "the-task-token", "gitea_runtime_token": "the-runtime-token", "job": "a", "event": map[string]any{},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	executor, err := shell.NewProvider(log, shell.Options{}).Create(j.spec)
	if err != nil {
		t.Fatal(err)
	}
	payload := "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n" + steps
	j.run = engine.New(engine.Options{
		Spec: j.spec, Executor: executor, Trace: j.trace, Masker: mask.New(), Log: log, Actions: dirSource{actions},
		Task: &runnerv1.Task{Id: 1, WorkflowPayload: []byte(payload), Context: contexts},
	})
	return j
}

// want runs the job and checks its result and those of its steps.
func (j *job) want(result string, steps ...string) *job {
	j.t.Helper()
	got := short(j.run.Run(j.t.Context()))
	var all []string
	for _, s := range j.trace.end.GetSteps() {
		all = append(all, short(s.GetResult()))
	}
	if got != result || !slices.Equal(all, steps) {
		j.t.Errorf("result %s, steps %q; want %s, %q; log:\n%s", got, all, result, steps, j.trace.text())
	}
	return j
}

func short(r runnerv1.Result) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "RESULT_"))
}

// wantRows checks that rows are there, in this order, perhaps with others
// between them.
func (j *job) wantRows(want ...string) {
	j.t.Helper()
	rows := j.trace.rows
	for _, row := range want {
		i := slices.Index(rows, row)
		if i < 0 {
			j.t.Errorf("no row %q where it should be in:\n%s", row, j.trace.text())
			return
		}
		rows = rows[i+1:]
	}
}

// eventually waits until a row is there.
func (j *job) eventually(row string) error {
	for deadline := time.Now().Add(20 * time.Second); ; {
		if strings.Contains("\n"+j.trace.text()+"\n", "\n"+row+"\n") {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no row %q in time in:\n%s", row, j.trace.text())
		}
		<-time.After(5 * time.Millisecond)
	}
}
