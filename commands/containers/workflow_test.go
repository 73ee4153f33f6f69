//go:build real

package containers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

func TestWorkflowsWithContainers(t *testing.T) { manyWorkflows(t, 5) }

func TestExecWithContainers(t *testing.T) { manyExecs(t, 5) }

// manyWorkflows runs rounds of eight jobs at once under a supervisor.
func manyWorkflows(t *testing.T, rounds int) {
	const slots = 8
	w := newWorld(t)
	realrun.WriteConfig(t, w.dir, slots, "", w.registration("a", ""), w.registration("b", ""))
	temporary := t.TempDir()
	r := realrun.Run(t, binary, w.dir, "TMPDIR="+temporary)
	for round := range rounds {
		var jobs sync.WaitGroup
		for i := range slots {
			place := "runs-on: box"
			if i%2 == 1 {
				place = "runs-on: linux\ncontainer: " + w.box
			}
			run := w.g.Start(t, w.workflow(place, false))
			jobs.Go(func() {
				task := w.g.Picked(t, run, 2*time.Minute)
				if status := w.g.Ended(t, task, 3*time.Minute); status != coordinator.StatusSuccess {
					t.Errorf("round %d, task %d: %v\n%s", round, task, status, w.g.Text(task))
				}
			})
		}
		jobs.Wait()
		if t.Failed() {
			return
		}
	}
	w.clean(r)
	if n := goroutines(t, r); n > 60 {
		t.Errorf("the idle runner has %d threads", n)
	}
	r.Signal(syscall.SIGTERM)
	if code := r.WaitExit(60 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	nothingIn(t, temporary)
}

// goroutines counts the threads of a runner's processes, which those that never
// end would add to.
func goroutines(t *testing.T, r *realrun.Runner) int {
	t.Helper()
	threads, err := filepath.Glob("/proc/" + itoa(r.Cmd.Process.Pid) + "/task/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(threads)
}

// manyExecs runs a project's workflow with the same jobs.
func manyExecs(t *testing.T, rounds int) {
	w := newWorld(t)
	project := t.TempDir()
	write(t, project, w.files())
	text := w.workflow("runs-on: box", true)
	host := strings.Replace(w.workflow("runs-on: linux\ncontainer:\n  image: "+w.box, true), "on: push\njobs:\n  job:", "  other:", 1)
	write(t, project, map[string]string{".gitea/workflows/ci.yml": text + host})
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = project
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git: %v\n%s", err, out)
		}
	}
	temporary := t.TempDir()
	for round := range rounds {
		cmd := exec.Command(binary, "exec", "-C", project, "--label", "box:docker://"+w.box, "--label", "linux:host")
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "Job result: success") != 2 {
			t.Fatalf("round %d: %v\n%s", round, err, out)
		}
	}
	nothingIn(t, temporary)
}

// nothingIn looks for temporary files that are left.
func nothingIn(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}
