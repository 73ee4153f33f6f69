package launch

import (
	"os"
	"path/filepath"
	"testing"

	"multirunner/commands/supervisor"
)

// Else a runner with a read-only disk takes one job after the other, and fails
// them all.
func TestWhoCouldNotKeepATaskAsksForNoneUntilItCan(t *testing.T) {
	h := newHouse(t)
	defer h.server.Close()
	l, leave := h.open()
	defer leave()
	task := h.fetch(l)
	poll := func() error {
		_, err := l.Key(h.runner.ID())
		return err
	}
	if err := poll(); err != nil {
		t.Fatal(err)
	}
	jobs := filepath.Join(h.root, "jobs")
	if err := os.Remove(jobs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jobs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Claim(h.runner, task); err == nil || err == supervisor.ErrSeen {
		t.Fatalf("claimed: %v", err)
	}
	if poll() == nil {
		t.Error("a poll may bring a task that cannot be kept")
	}
	if err := os.Remove(jobs); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(jobs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := poll(); err != nil {
		t.Errorf("with a disk again: %v", err)
	}
	if left := h.left("jobs"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
