package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
	"multirunner/helpers/mask"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a job with everything around it that tests look at.
type bench struct {
	t        testing.TB
	executor *fakeExecutor
	trace    *memoryTrace
	masker   *mask.Masker
	log      *logtest.Hook
	spec     *common.JobSpec
	task     *runnerv1.Task
	machine  MachineInfo
	source   *fakeSource // nil for none
	// containers is what the executor is wrapped in; nil: it has no engine.
	containers *fakeContainers
	hosted     *fakeExecutor // the machine beside them; nil: they have none
	job        *Job
	result     runnerv1.Result
}

// newBench makes a job of a payload; indentation that all lines have is taken
// away.
func newBench(t testing.TB, payload string) *bench {
	context, err := structpb.NewStruct(map[string]any{
		"actor": "probe", "event_name": "push", "job": "a", "ref": "refs/heads/main", "repository": "probe/demo",
		"run_id": "7", "run_number": "3", "run_attempt": "1", "sha": "2021f9", "workflow": "x.yml", "ref_protected": false,
		"server_url": "https://git.example.org/", "token": "task-token-0001", "gitea_runtime_token": "runtime-token-0001",
		"gitea_default_actions_url": "https://actions.example.org/",
		"event":                     map[string]any{"number": 42},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{
		t: t, executor: newFake(), trace: newTrace(), masker: mask.New(),
		machine: MachineInfo{OS: "Linux", Arch: "X64", Description: "Test OS 1"},
		spec: &common.JobSpec{
			URL: "https://git.example.org", Registration: "team-a", RunnerVersion: "1.2.3", Label: "linux:host",
			Labels: []string{"linux", "x64"}, Executor: "fake", TrackingID: "track-1",
			Dirs: common.JobDirs{Build: t.TempDir()},
		},
		task: &runnerv1.Task{
			Id: 11, WorkflowPayload: []byte(dedent(payload)), Context: context,
			Secrets: map[string]string{"GITHUB_TOKEN": "task-token-0001", "MYSECRET": "s3cr3t-value"},
			Vars:    map[string]string{"MYVAR": "v1"},
		},
	}
}

// steps makes a payload of one job with these steps.
func steps(list string) string {
	return "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n" + indent(dedent(list), "      ")
}

func dedent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	least := -1
	for _, line := range lines {
		if n := len(line) - len(strings.TrimLeft(line, "\t")); strings.TrimSpace(line) != "" && (least < 0 || n < least) {
			least = n
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(least, 0), len(line)):]
	}
	return strings.Join(lines, "\n") + "\n"
}

func indent(text, by string) string {
	return by + strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\n"+by), by)
}

// build makes the job, for tests that stop it.
func (b *bench) build() *Job {
	logger, hook := logtest.NewNullLogger()
	logger.SetLevel(logrus.DebugLevel)
	b.log = hook
	o := Options{
		Spec: b.spec, Task: b.task, Executor: b.executor, Trace: b.trace,
		Masker: b.masker, Log: logger, Machine: b.machine,
	}
	if b.source != nil {
		o.Actions = b.source
	}
	if b.containers != nil {
		o.Executor = b.containers
		if b.containers.imports != nil {
			o.Executor = importing{b.containers}
		}
		if b.hosted != nil {
			o.Executor = hosted{b.containers, b.hosted}
		}
	}
	b.job = New(o)
	return b.job
}

// run runs the job and checks what holds for all of them.
func (b *bench) run() *bench {
	b.t.Helper()
	if b.job == nil {
		b.build()
	}
	b.result = b.job.Run(b.t.Context())
	b.checkTrace()
	return b
}

// runPayload runs a job of a payload.
func runPayload(t *testing.T, payload string) *bench {
	t.Helper()
	return newBench(t, payload).run()
}

// checkTrace checks the rules that every job's records keep.
func (b *bench) checkTrace() {
	b.t.Helper()
	end := b.trace.end
	if end == nil {
		b.t.Fatal("the trace has no end")
	}
	if b.trace.after > 0 {
		b.t.Errorf("%d records came after the end", b.trace.after)
	}
	if end.GetResult() != b.result || b.result == runnerv1.Result_RESULT_UNSPECIFIED {
		b.t.Errorf("the end says %v, Run %v", end.GetResult(), b.result)
	}
	if end.GetId() != b.task.GetId() || end.GetStoppedAt() == nil || end.GetStartedAt() == nil {
		b.t.Errorf("the end lacks its id or times: %v", end)
	}
	if b.trace.reason == "" || strings.Contains(b.trace.reason, "\n") {
		b.t.Errorf("the reason is not one line: %q", b.trace.reason)
	}
	b.checkSteps(end)
	for _, state := range b.trace.states {
		if state.GetResult() != runnerv1.Result_RESULT_UNSPECIFIED {
			b.t.Errorf("a state before the end has the result %v", state.GetResult())
		}
	}
	for i, row := range b.trace.rows {
		if strings.Contains(row, "\n") || len(row) > 64<<10 || strings.ToValidUTF8(row, "?") != row {
			b.t.Errorf("row %d is not one line of valid text: %.100q", i, row)
		}
	}
	if b.source != nil && b.source.held != b.source.released {
		b.t.Errorf("of %d held sets of actions %d were released", b.source.held, b.source.released)
	}
	if slices.Index(b.executor.calls, "Cleanup") < 0 {
		b.t.Error("the executor was not cleaned up")
	}
}

// checkSteps checks that every step is closed and that ranges of rows follow
// each other.
func (b *bench) checkSteps(end *runnerv1.TaskState) {
	b.t.Helper()
	next := int64(-1)
	for i, s := range end.GetSteps() {
		if s.GetId() != int64(i) {
			b.t.Errorf("step %d has the id %d", i, s.GetId())
		}
		if s.GetResult() == runnerv1.Result_RESULT_UNSPECIFIED {
			b.t.Errorf("step %d is not closed", i)
		}
		if next >= 0 && s.GetLogIndex() != next {
			b.t.Errorf("step %d starts at row %d, the one before ended at %d", i, s.GetLogIndex(), next)
		}
		if s.GetStartedAt() != nil {
			next = s.GetLogIndex() + s.GetLogLength()
		}
	}
	if next > int64(len(b.trace.rows)) {
		b.t.Errorf("steps have %d rows, the log %d", next, len(b.trace.rows))
	}
}

// stepRows are the rows of a step, without the group that shows what it runs.
func (b *bench) stepRows(step int) []string {
	b.t.Helper()
	s := b.trace.end.GetSteps()[step]
	rows := b.trace.rows[s.GetLogIndex() : s.GetLogIndex()+s.GetLogLength()]
	if len(rows) > 0 && strings.HasPrefix(rows[0], "##[group]Run ") {
		rows = rows[slices.Index(rows, "##[endgroup]")+1:]
	}
	return rows
}

// results are the steps' results, as one text.
func (b *bench) results() string {
	var all []string
	for _, s := range b.trace.end.GetSteps() {
		all = append(all, string(resultOf(s.GetResult())))
	}
	return strings.Join(all, " ")
}

func (b *bench) wantResult(want result) {
	b.t.Helper()
	if b.result != want.proto() {
		b.t.Errorf("the job's result is %v, want %s; log:\n%s", b.result, want, b.text())
	}
}

func (b *bench) wantResults(want string) {
	b.t.Helper()
	if got := b.results(); got != want {
		b.t.Errorf("the steps' results are %q, want %q; log:\n%s", got, want, b.text())
	}
}

func (b *bench) wantRows(step int, want ...string) {
	b.t.Helper()
	if got := b.stepRows(step); !slices.Equal(got, want) {
		b.t.Errorf("rows of step %d:\n%s\nwant:\n%s", step, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// wantRow checks that a row is there that has all of the texts.
func (b *bench) wantRow(texts ...string) {
	b.t.Helper()
	if !slices.ContainsFunc(b.trace.rows, func(row string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(row, text) })
	}) {
		b.t.Errorf("no row with %q in:\n%s", texts, b.text())
	}
}

func (b *bench) wantNoRow(text string) {
	b.t.Helper()
	if all := b.text(); strings.Contains(all, text) {
		b.t.Errorf("%q is in:\n%s", text, all)
	}
}

func (b *bench) text() string { return strings.Join(b.trace.rows, "\n") }

// stopAfter stops the job after a while, under synctest.
func (b *bench) stopAfter(d time.Duration, reason common.StopReason) {
	job := b.job
	if job == nil {
		job = b.build()
	}
	timer := time.AfterFunc(d, func() { job.Stop(reason) })
	b.t.Cleanup(func() { timer.Stop() })
}
