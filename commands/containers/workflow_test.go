//go:build real

package containers

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// address is where a runner serves metrics and debug pages.
var address = regexp.MustCompile(`Serving metrics and status" address="?([0-9.:]+)`)

func TestWorkflowsWithContainers(t *testing.T) { manyWorkflows(t, 5) }

func TestExecWithContainers(t *testing.T) { manyExecs(t, 5) }

// manyWorkflows runs rounds of eight jobs at once under a supervisor.
func manyWorkflows(t *testing.T, rounds int) {
	const slots = 8
	w := newWorld(t)
	realrun.WriteConfig(t, w.dir, slots, `listen_address = "127.0.0.1:0"`, w.registration("a", ""), w.registration("b", ""))
	temporary := t.TempDir()
	r := realrun.Run(t, binary, w.dir, "TMPDIR="+temporary)
	before := goroutines(t, r)
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
	// Connections that are kept open have two each.
	realrun.Eventually(t, time.Minute, fmt.Sprintf("about %d goroutines are left, as before", before), func() bool { return goroutines(t, r) <= before+8 })
	r.Signal(syscall.SIGTERM)
	if code := r.WaitExit(60 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	nothingIn(t, temporary)
}

// goroutines asks a runner how many it has.
func goroutines(t *testing.T, r *realrun.Runner) int {
	t.Helper()
	var at []string
	realrun.Eventually(t, 20*time.Second, "the runner tells its address", func() bool {
		at = address.FindStringSubmatch(r.Output.String())
		return at != nil
	})
	res, err := http.Get("http://" + at[1] + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	total := 0
	if _, err := fmt.Fscanf(res.Body, "goroutine profile: total %d", &total); err != nil {
		t.Fatal(err)
	}
	return total
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
