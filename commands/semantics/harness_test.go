//go:build unix

package semantics

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
	"multirunner/executors/dummy"
	"multirunner/executors/shell"
	"multirunner/helpers/mask"
	"multirunner/workflow/engine"
)

func TestMain(m *testing.M) {
	// Shells let what they run in the background ignore the interrupt, and jobs
	// would inherit that. The program itself takes it.
	if signal.Ignored(os.Interrupt) {
		signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	}
	goleak.VerifyTestMain(m)
}

// row is a workflow and what becomes of it. Indentation that all lines of a
// text have is taken away.
type row struct {
	rule     string // what it shows, by the specification's number
	onlyReal string // what the dummy executor's shell cannot say; empty: it runs over both
	workflow string // keys of the workflow besides on and jobs
	job      string // keys of the job besides runs-on and steps
	steps    string
	files    string        // of the workspace and of actions, see fixture.lay
	engine   *dummy.Engine // a container engine to play: it runs over the dummy executor with it only
	stop     common.StopReason
	change   func(t *testing.T, f *fixture)

	result string   // of the job; empty: success
	want   string   // the steps' results
	rows   []string // rows of the steps' output in this order, others between them
	has    []string // texts that are in a row each
	not    []string // texts that are in no row but those that show scripts
	output map[string]string
}

// slots are how many jobs run at once.
var slots = make(chan struct{}, 2)

// check runs all rows, each over each executor.
func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.rule, func(t *testing.T) {
			t.Parallel()
			if r.engine != nil {
				t.Run("dummy with an engine", func(t *testing.T) { r.over(t, false) })
				return
			}
			if r.onlyReal == "" {
				t.Run("dummy", func(t *testing.T) { r.over(t, false) })
			}
			t.Run("shell", func(t *testing.T) { r.over(t, true) })
		})
	}
}

func (r row) over(t *testing.T, real bool) {
	t.Parallel()
	slots <- struct{}{}
	defer func() { <-slots }()
	f := newFixture(t, real)
	f.task.WorkflowPayload = []byte(r.payload())
	f.files = r.files
	f.trace.stop, f.dummy.Engine = r.stop, r.engine
	if r.change != nil {
		r.change(t, f)
	}
	f.run(t)
	r.compare(t, f)
}

// payload is the workflow's text.
func (r row) payload() string {
	return "on: push\n" + dedent(r.workflow) + "jobs:\n  a:\n    runs-on: x\n" + indent(dedent(r.job), "    ") +
		"    steps:\n" + indent(dedent(r.steps), "      ")
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
	return strings.TrimRight(strings.Join(lines, "\n"), "\t\n") + "\n"
}

func indent(text, by string) string {
	if text == "\n" {
		return ""
	}
	return by + strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\n"+by), by)
}

// fixture is what a job runs with.
type fixture struct {
	dir   string
	real  bool
	files string
	spec  *common.JobSpec
	task  *runnerv1.Task
	dummy dummy.Script
	trace *trace

	contained *dummy.ContainerExecutor // nil without an engine
}

func newFixture(t *testing.T, real bool) *fixture {
	t.Helper()
	dir := t.TempDir()
	given, err := structpb.NewStruct(map[string]any{
		"actor": "probe", "event_name": "push", "job": "a", "ref": "refs/heads/main", "ref_name": "main", "repository": "probe/demo",
		"run_id": "7", "run_number": "3", "sha": strings.Repeat("1", 40), "server_url": "https://git.example.org/",
		"token": "the-task-token", "gitea_runtime_token": "the-runtime-token",
		"gitea_default_actions_url": "https://actions.example.org", "event": map[string]any{"number": 42},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{dir: dir, real: real, trace: newTrace()}
	f.spec = &common.JobSpec{
		URL: "https://git.example.org", Registration: "team-a", RunnerVersion: "test", Executor: "test", TrackingID: uuid.NewString(),
		Environment: []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")},
		Dirs: common.JobDirs{
			Build: filepath.Join(dir, "build"), Tools: filepath.Join(dir, "tools"), Actions: filepath.Join(dir, "actions"),
		},
		Workspace: common.Workspace{Mode: common.WorkspaceEmpty},
		Shell: common.ShellConfig{
			GracefulKillTimeout: common.Duration(2 * time.Second), ForceKillTimeout: common.Duration(time.Second),
		},
	}
	f.task = &runnerv1.Task{
		Id: 1, Context: given, Vars: map[string]string{"MYVAR": "v1"},
		Secrets: map[string]string{"GITHUB_TOKEN": "the-task-token", "MYSECRET": "s3cr3t-value"},
	}
	// Actions on node are scripts for sh here.
	f.write(t, "bin/node", "#!/usr/bin/env bash\n[ \"$1\" = --version ] && { echo v24.0.0; exit; }\nexec bash \"$@\"\n")
	return f
}

// write makes a file of the fixture, one that can be run.
func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// lay makes the files of a text with a line "-- NAME --" before each: ./FILE is
// in the workspace, owner/repo@ref/FILE in an action, hooks/FILE with the machine.
func (f *fixture) lay(t *testing.T) {
	t.Helper()
	name, content := "", ""
	for line := range strings.SplitSeq(f.files+"\n--  --", "\n") {
		header, ok := strings.CutPrefix(strings.TrimLeft(line, "\t"), "-- ")
		if !ok {
			content += line + "\n"
			continue
		}
		switch {
		case strings.HasPrefix(name, "./"):
			f.write(t, filepath.Join("build/work", name), dedent(content))
		case strings.HasPrefix(name, "hooks/"):
			f.write(t, name, dedent(content))
		case name != "":
			f.write(t, filepath.Join("actions", name), dedent(content))
		}
		name, content = strings.TrimSuffix(header, " --"), ""
	}
}

// Prepare implements engine.ActionSource.
func (f *fixture) Prepare(_ context.Context, requests []engine.ActionRequest, _ func(string)) ([]engine.PreparedAction, func(), error) {
	var prepared []engine.PreparedAction
	for _, r := range requests {
		dir := filepath.Join(f.spec.Dirs.Actions, r.Reference.Name+"@"+r.Reference.Ref)
		if _, err := os.Stat(dir); err != nil {
			return nil, nil, err
		}
		prepared = append(prepared, engine.PreparedAction{Dir: dir, Commit: strings.Repeat("0", 40)})
	}
	return prepared, func() {}, nil
}

// laying is an executor that finds files in its workspace.
type laying struct {
	common.Executor
	lay func()
}

func (l laying) Prepare(ctx context.Context, log io.Writer) error {
	err := l.Executor.Prepare(ctx, log)
	l.lay()
	return err
}

// layingContained is one with a container engine.
type layingContained struct {
	*dummy.ContainerExecutor
	lay func()
}

func (l layingContained) Prepare(ctx context.Context, log io.Writer) error {
	err := l.ContainerExecutor.Prepare(ctx, log)
	l.lay()
	return err
}

func (f *fixture) executor(t *testing.T, log logrus.FieldLogger) common.Executor {
	t.Helper()
	var provider common.ExecutorProvider = shell.NewProvider(log, shell.Options{})
	if !f.real {
		f.dummy.Commands = append(f.dummy.Commands, dummy.Reaction{Match: f.onDisk, Run: f.play})
		provider = dummy.NewProvider(f.dummy)
	}
	e, err := provider.Create(f.spec)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := e.(*dummy.ContainerExecutor); ok {
		f.contained = c
		return layingContained{c, func() { f.lay(t) }}
	}
	return laying{e, func() { f.lay(t) }}
}

// onDisk tells whether the dummy executor is to run a node or a file of the
// fixture, which it does not see by itself.
func (f *fixture) onDisk(c *dummy.Call) bool {
	_, err := os.Stat(f.script(c))
	return err == nil || filepath.Base(c.Command.Path) == "node"
}

func (f *fixture) script(c *dummy.Call) string {
	file := c.Command.Path
	if n := len(c.Command.Args); n > 0 {
		file = c.Command.Args[n-1]
	}
	if f.contained != nil {
		file = f.contained.Real(file)
	}
	if below, ok := strings.CutPrefix(file, c.Executor.Paths().Workspace); ok {
		return filepath.Join(f.spec.Dirs.Build, "work", below)
	}
	if !strings.HasPrefix(file, f.dir) {
		return ""
	}
	return file
}

func (f *fixture) play(ctx context.Context, c *dummy.Call) (common.ExitStatus, error) {
	if len(c.Command.Args) > 0 && c.Command.Args[0] == "--version" {
		c.Print("v24.0.0")
		return common.ExitStatus{}, nil
	}
	text, err := os.ReadFile(f.script(c))
	if err != nil {
		return common.ExitStatus{}, err
	}
	c.Text = string(text)
	return c.Interpret(ctx), nil
}

func (f *fixture) run(t *testing.T) {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	job := engine.New(engine.Options{
		Spec: f.spec, Task: f.task, Executor: f.executor(t, log), Trace: f.trace, Masker: mask.New(), Log: log, Actions: f,
		Machine: engine.MachineInfo{OS: "Linux", Arch: "X64"},
	})
	var stops sync.WaitGroup
	f.trace.stopJob = func() { stops.Go(func() { job.Stop(f.trace.stop) }) }
	result := job.Run(t.Context())
	stops.Wait()
	if end := f.trace.end; end == nil || end.GetResult() != result {
		t.Fatalf("Run says %v, the trace ends with %v", result, end)
	}
}
