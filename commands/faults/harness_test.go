//go:build real

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// binary is the runner under test, built once.
var binary string

func TestMain(m *testing.M) { realrun.Main(m, &binary) }

// gitea is a server on loopback.
type gitea struct{ *realrun.Gitea }

func newGitea(t *testing.T, o coordinator.Options) *gitea {
	t.Helper()
	return &gitea{realrun.NewGitea(t, o)}
}

// registration is a [[runners]] block for a server.
func registration(g *gitea, name, extra string) string { return g.Registration(name, extra) }

func writeConfig(t *testing.T, dir string, concurrent int, blocks ...string) {
	t.Helper()
	realrun.WriteConfig(t, dir, concurrent, "", blocks...)
}

// runner is a running `runner run`.
type runner struct {
	*realrun.Runner
	t      *testing.T
	cmd    *exec.Cmd
	dir    string // with config.toml and state
	output *lockedBuffer
}

// lockedBuffer is what a process has written so far.
type lockedBuffer = realrun.Buffer

// start starts a runner over the config.toml in dir.
func start(t *testing.T, dir string, env ...string) *runner {
	t.Helper()
	r := realrun.Run(t, binary, dir, env...)
	return &runner{Runner: r, t: t, cmd: r.Cmd, dir: dir, output: r.Output}
}

func (r *runner) signal(sig syscall.Signal) { r.t.Helper(); r.Signal(sig) }

func (r *runner) stop() { r.Stop() }

func (r *runner) waitExit(within time.Duration) int { r.t.Helper(); return r.WaitExit(within) }

// leftovers lists what jobs left in a runner's state directory.
func (r *runner) leftovers() []string { return r.Leftovers() }

func (r *runner) clean() {
	r.t.Helper()
	eventually(r.t, 10*time.Second, "nothing of the job is left in the state directory", func() bool { return len(r.leftovers()) == 0 })
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	realrun.Eventually(t, within, what, holds)
}

// workflow is a workflow of one job with one step.
func workflow(script string) string { return realrun.Workflow(script) }

func indent(text string, by int) string { return realrun.Indent(text, by) }

// submit starts a run.
func (g *gitea) submit(t *testing.T, text string, change ...func(*coordinator.Run)) int64 {
	t.Helper()
	return g.Start(t, text, change...)
}

// task waits until a run's first job is picked.
func (g *gitea) task(t *testing.T, run int64, within ...time.Duration) int64 {
	t.Helper()
	limit := 20 * time.Second
	if len(within) > 0 {
		limit = within[0]
	}
	return g.Picked(t, run, limit)
}

// result waits until a task has ended.
func (g *gitea) result(t *testing.T, task int64, within time.Duration) coordinator.Status {
	t.Helper()
	return g.Ended(t, task, within)
}

// text is a task's log.
func (g *gitea) text(task int64) string { return g.Text(task) }

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
