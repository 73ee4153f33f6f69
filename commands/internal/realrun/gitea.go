//go:build real

package realrun

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// Gitea is a server on loopback.
type Gitea struct {
	*coordinator.Server
	HTTP *httptest.Server
}

// NewGitea starts a server that ends with the test.
func NewGitea(t *testing.T, o coordinator.Options) *Gitea {
	t.Helper()
	// The address must be known before the server is made.
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
	return &Gitea{Server: server, HTTP: http}
}

// Registration gives a [[runners]] block for a new runner row of the server.
func (g *Gitea) Registration(name, extra string) string {
	row := g.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{"linux"}})
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\n%s\n", name, g.URL(), row.UUID, row.Token, extra)
}

// Start starts a run of a workflow.
func (g *Gitea) Start(t *testing.T, workflow string, change ...func(*coordinator.Run)) int64 {
	t.Helper()
	run := coordinator.Run{File: "ci.yml", Workflow: []byte(workflow)}
	for _, c := range change {
		c(&run)
	}
	id, err := g.Submit(run)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Picked waits until a run's first job is picked, and gives its task.
func (g *Gitea) Picked(t *testing.T, run int64, within time.Duration) int64 {
	t.Helper()
	var task int64
	Eventually(t, within, "a runner has the job", func() bool {
		info, _ := g.Run(run)
		if len(info.Jobs) > 0 {
			task = info.Jobs[0].TaskID
		}
		return task != 0
	})
	return task
}

// Ended waits until a task has ended.
func (g *Gitea) Ended(t *testing.T, task int64, within time.Duration) coordinator.Status {
	t.Helper()
	var status coordinator.Status
	Eventually(t, within, fmt.Sprintf("task %d has ended", task), func() bool {
		info, _ := g.Task(task)
		status = info.Status
		return status.Done()
	})
	return status
}

// Text is a task's log.
func (g *Gitea) Text(task int64) string {
	var out strings.Builder
	for _, line := range g.Log(task) {
		out.WriteString(line.Content + "\n")
	}
	return out.String()
}

// Workflow is a workflow of one job with one step.
func Workflow(script string) string {
	return "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - name: work\n        run: |\n" + Indent(script, 10)
}

// Indent puts so many spaces in front of every line.
func Indent(text string, by int) string {
	var out strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		out.WriteString(strings.Repeat(" ", by) + line + "\n")
	}
	return out.String()
}
