//go:build real

package faults

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// binary is the runner under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "runner-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "runner")
	build := exec.Command("go", "build", "-race", "-o", binary, "multirunner")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "the runner does not build:", err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// gitea is a server on loopback.
type gitea struct {
	*coordinator.Server
	http *httptest.Server
}

func newGitea(t *testing.T, o coordinator.Options) *gitea {
	t.Helper()
	// The address must be known before the server is made, and can be taken
	// down and up again by tests.
	http := httptest.NewUnstartedServer(nil)
	o.URL = "http://" + http.Listener.Addr().String()
	server := coordinator.New(o)
	http.Config.Handler = server.Handler()
	http.Start()
	t.Cleanup(func() {
		server.Close()
		http.CloseClientConnections()
		http.Close()
	})
	return &gitea{Server: server, http: http}
}

// runner is a running `runner run`.
type runner struct {
	t        *testing.T
	cmd      *exec.Cmd
	dir      string // with config.toml and state
	output   *lockedBuffer
	exited   chan struct{}
	exitCode int
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// settings make a runner quick enough for tests. %d is concurrent.
const settings = `concurrent = %d
check_interval = "100ms"
log_level = "debug"
shutdown_timeout = "60s"
[polling]
interval_max = "500ms"
idle_requests_per_second = 20
[reporting]
log_report_interval = "300ms"
log_report_max_latency = "200ms"
state_report_interval = "500ms"
`

// registration is a [[runners]] block for a server.
func registration(g *gitea, name, extra string) string {
	row := g.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{"linux"}})
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\n%s\n", name, g.URL(), row.UUID, row.Token, extra)
}

func writeConfig(t *testing.T, dir string, concurrent int, blocks ...string) {
	t.Helper()
	text := fmt.Sprintf(settings, concurrent) + strings.Join(blocks, "")
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts a runner over the config.toml in dir.
func start(t *testing.T, dir string, env ...string) *runner {
	t.Helper()
	r := &runner{t: t, dir: dir, output: new(lockedBuffer), exited: make(chan struct{})}
	r.cmd = exec.Command(binary, "run", "-c", filepath.Join(dir, "config.toml"), "--working-directory", filepath.Join(dir, "state"))
	r.cmd.Env = append(os.Environ(), env...)
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.cmd.Wait()
		r.exitCode = r.cmd.ProcessState.ExitCode()
		close(r.exited)
	}()
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("output of the runner:\n%s", r.output)
		}
		if strings.Contains(r.output.String(), "DATA RACE") {
			t.Errorf("data race in the runner:\n%s", r.output)
		}
	})
	return r
}

func (r *runner) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatalf("signal %v: %v", sig, err)
	}
}

// stop ends the runner, whatever it takes.
func (r *runner) stop() {
	for range 3 {
		r.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-r.exited:
			return
		case <-time.After(3 * time.Second):
		}
	}
	r.cmd.Process.Kill()
	<-r.exited
}

// waitExit waits for the runner to end by itself.
func (r *runner) waitExit(within time.Duration) int {
	r.t.Helper()
	select {
	case <-r.exited:
		return r.exitCode
	case <-time.After(within):
		r.t.Fatalf("the runner has not ended within %s", within)
		return -1
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; {
		if holds() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// workflow is a workflow of one job with one step.
func workflow(script string) string {
	return "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - name: work\n        run: |\n" + indent(script, 10)
}

func indent(text string, by int) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		out.WriteString(strings.Repeat(" ", by) + line + "\n")
	}
	return out.String()
}

// submit starts a run and gives its only task once a runner has it.
func (g *gitea) submit(t *testing.T, text string, change ...func(*coordinator.Run)) int64 {
	t.Helper()
	run := coordinator.Run{File: "ci.yml", Workflow: []byte(text)}
	for _, c := range change {
		c(&run)
	}
	id, err := g.Submit(run)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// task waits until a run's first job is picked.
func (g *gitea) task(t *testing.T, run int64, within ...time.Duration) int64 {
	t.Helper()
	var task int64
	limit := 20 * time.Second
	if len(within) > 0 {
		limit = within[0]
	}
	eventually(t, limit, "a runner has the job", func() bool {
		info, _ := g.Run(run)
		if len(info.Jobs) > 0 {
			task = info.Jobs[0].TaskID
		}
		return task != 0
	})
	return task
}

// result waits until a task has ended.
func (g *gitea) result(t *testing.T, task int64, within time.Duration) coordinator.Status {
	t.Helper()
	var status coordinator.Status
	eventually(t, within, fmt.Sprintf("task %d has ended", task), func() bool {
		info, _ := g.Task(task)
		status = info.Status
		return status.Done()
	})
	return status
}

// text is a task's log.
func (g *gitea) text(task int64) string {
	var out strings.Builder
	for _, line := range g.Log(task) {
		out.WriteString(line.Content + "\n")
	}
	return out.String()
}

// logged waits until a task's log has a text.
func (g *gitea) logged(t *testing.T, task int64, text string, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("%q is in the log of task %d", text, task), func() bool {
		return strings.Contains(g.text(task), text)
	})
}

// processes lists the command lines that have a text in them.
func processes(text string) []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if strings.Contains(string(line), text) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// leftovers lists what jobs left in a runner's state directory.
func (r *runner) leftovers() []string {
	var left []string
	for _, sub := range []string{"jobs", "builds"} {
		names, _ := filepath.Glob(filepath.Join(r.dir, "state", sub, "*"))
		left = append(left, names...)
	}
	return left
}

func (r *runner) clean() {
	r.t.Helper()
	eventually(r.t, 10*time.Second, "nothing of the job is left in the state directory", func() bool { return len(r.leftovers()) == 0 })
}
