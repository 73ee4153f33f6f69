package exec

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multirunner/network/coordinator"
)

// TestACallIsShownByTheJobsThatItMakes holds that a job that calls a workflow
// has a row in the table only when there is something to say of itself.
func TestACallIsShownByTheJobsThatItMakes(t *testing.T) {
	var out strings.Builder
	w := newWatcher(&printer{out: &out, now: time.Now}, nil)
	w.open = 1
	tell := func(kind coordinator.EventKind, id int64, name string, status coordinator.Status, calls bool, message string) {
		w.handle(coordinator.Event{Kind: kind, RunID: 1, Job: coordinator.JobInfo{ID: id, Name: name, Status: status, Calls: calls, Message: message}})
	}
	tell(coordinator.JobPlanned, 1, "call", coordinator.StatusBlocked, false, "")
	tell(coordinator.StateChanged, 1, "call", coordinator.StatusRunning, true, "")
	tell(coordinator.JobPlanned, 2, "call / child", coordinator.StatusWaiting, false, "")
	tell(coordinator.JobFinished, 2, "call / child", coordinator.StatusSuccess, false, "")
	tell(coordinator.JobFinished, 1, "call", coordinator.StatusSuccess, true, "")
	tell(coordinator.JobFinished, 3, "outputs", coordinator.StatusFailure, true, "no such output")
	tell(coordinator.JobFinished, 4, "unbound", coordinator.StatusFailure, false, "no such input")
	tell(coordinator.JobSkipped, 5, "skipped", coordinator.StatusSkipped, false, "its condition is false")

	var got []string
	for _, o := range w.outcomes() {
		got = append(got, o.job+" "+o.result)
	}
	if diff := cmp.Diff([]string{"call / child success", "outputs failure", "unbound failure", "skipped skipped"}, got); diff != "" {
		t.Error(diff)
	}
	if text := out.String(); strings.Contains(text, "call |") || strings.Contains(text, "call  ") || !strings.Contains(text, "Error: no such output") {
		t.Error(text)
	}
}
