//go:build real

package faults

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// The runtime token is in no file: the next supervisor asks the job for it.
func TestASummaryOfAnAdoptedJobArrives(t *testing.T) {
	g := newGitea(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	signal := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow("echo started\nuntil [ -e "+signal+" ]; do sleep 0.1; done\necho '# well' >> \"$GITHUB_STEP_SUMMARY\"")))
	g.logged(t, task, "started\n", 20*time.Second)
	r.signal(syscall.SIGKILL)
	r.waitExit(5 * time.Second)
	again := start(t, dir)
	again.says(10*time.Second, "taking it over")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	if info, _ := g.Task(task); string(info.Summaries[0]) != "# well\n" {
		t.Errorf("summary: %q", info.Summaries[0])
	}
	again.clean()
}
