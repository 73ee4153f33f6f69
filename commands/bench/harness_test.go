//go:build bench && linux

package bench

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// gitea is a server on loopback.
type gitea struct {
	*coordinator.Server
	http *httptest.Server
}

func newGitea(t *testing.T) *gitea {
	t.Helper()
	http := httptest.NewUnstartedServer(nil) // whose address the server must know
	server := coordinator.New(coordinator.Options{URL: "http://" + http.Listener.Addr().String()})
	http.Config.Handler = server.Handler()
	http.Start()
	g := &gitea{server, http}
	t.Cleanup(g.close)
	return g
}

// close may be called again.
func (g *gitea) close() {
	g.Server.Close()
	g.http.CloseClientConnections()
	g.http.Close()
}

// repo is what the i-th registration serves.
func repo(i int) coordinator.Scope {
	return coordinator.Scope{Owner: "owner", Repo: fmt.Sprint("repo", i)}
}

// configure writes a configuration with n registrations, each for a repository
// of its own. global is the text before them.
func (g *gitea) configure(t *testing.T, dir string, n int, global string) {
	t.Helper()
	var text strings.Builder
	text.WriteString(global + "\n")
	for i := range n {
		row := g.AddRunner(coordinator.RunnerSpec{Name: fmt.Sprint("runner-", i), Scope: repo(i), Labels: []string{"linux"}})
		fmt.Fprintf(&text, "[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\n", row.Name, g.URL(), row.UUID, row.Token)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runner is a `runner run` that runs.
type runner struct {
	t   *testing.T
	cmd *exec.Cmd
	dir string
	log *os.File
}

func start(t *testing.T, bin, dir string) *runner {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, dir: dir, log: log}
	r.cmd = exec.Command(bin, "run", "-c", filepath.Join(dir, "config.toml"), "--working-directory", filepath.Join(dir, "state"))
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			r.cmd.Process.Kill()
			r.cmd.Wait()
		}
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("log of the runner:\n%s", text[max(0, len(text)-8<<10):])
		}
		log.Close()
	})
	return r
}

// stop lets the runner end as a service does, and gives what it and all
// processes that it has waited for have used: the job processes, and through
// them the steps.
func (r *runner) stop() *syscall.Rusage {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	killer := time.AfterFunc(time.Minute, func() { r.cmd.Process.Kill() })
	defer killer.Stop()
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("the runner ended with %v", err)
	}
	return r.cmd.ProcessState.SysUsage().(*syscall.Rusage)
}

func processor(u *syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// jobOf is a workflow with one job, of steps that run these scripts.
func jobOf(scripts ...string) []byte {
	var b strings.Builder
	io.WriteString(&b, "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n")
	for _, script := range scripts {
		fmt.Fprintf(&b, "      - run: %q\n", script)
	}
	return []byte(b.String())
}

// submit starts a run for the i-th registration.
func (g *gitea) submit(t *testing.T, i int, workflow []byte, change ...func(*coordinator.Run)) int64 {
	t.Helper()
	run := coordinator.Run{File: "bench.yml", Workflow: workflow, Repo: repo(i)}
	for _, c := range change {
		c(&run)
	}
	id, err := g.Submit(run)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// await waits until runs are done, all of them with success.
func (g *gitea) await(t *testing.T, within time.Duration, runs ...int64) {
	t.Helper()
	for _, id := range runs {
		var info coordinator.RunInfo
		eventually(t, within, fmt.Sprintf("run %d is done", id), func() bool {
			info, _ = g.Run(id)
			return info.Status.Done()
		})
		if info.Status != coordinator.StatusSuccess {
			var log strings.Builder
			for _, line := range g.Log(info.Jobs[0].TaskID) {
				log.WriteString(line.Content + "\n")
			}
			t.Fatalf("run %d: %v, log:\n%s", id, info.Status, log.String()[:min(log.Len(), 2000)])
		}
	}
}
