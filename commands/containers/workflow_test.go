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
	temporary := tempFiles(t)
	r := w.start()
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
	if left := newFiles(temporary, tempFiles(t)); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
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
	temporary := tempFiles(t)
	for round := range rounds {
		cmd := exec.Command(binary, "exec", "-C", project, "--label", "box:docker://"+w.box, "--label", "linux:host")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "Job result: success") != 2 {
			t.Fatalf("round %d: %v\n%s", round, err, out)
		}
	}
	if left := newFiles(temporary, tempFiles(t)); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// tempFiles are the names in the directory for temporary files.
func tempFiles(t *testing.T) map[string]bool {
	t.Helper()
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = true
	}
	return names
}

// newFiles are those that the runner may have made: other tests make their own.
func newFiles(before, after map[string]bool) []string {
	var left []string
	for name := range after {
		if !before[name] && !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "go-build") && !strings.HasPrefix(name, "multirunner-test") {
			left = append(left, name)
		}
	}
	return left
}
