//go:build real

package faults

import (
	"testing"
	"time"

	"multirunner/network/coordinator"
)

func TestASummaryReachesAServerThatTakesSummaries(t *testing.T) {
	g := newGitea(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow(`echo "# all well" >> "$GITHUB_STEP_SUMMARY"`)))
	if status := g.result(t, task, 20*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	if info, _ := g.Task(task); string(info.Summaries[0]) != "# all well\n" {
		t.Errorf("summaries: %v", info.Summaries)
	}
	r.clean()
}
