package launch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"multirunner/commands/job"
	"multirunner/network/spool"
)

// A supervisor that closes a dead job may be killed before it has ended what
// the job left running.
func TestWhatAJobLeftIsEndedAlsoWhenItsEndIsWrittenAlready(t *testing.T) {
	h := newHouse(t)
	defer h.server.Close()
	l, leave := h.open()
	task := h.fetch(l)
	dir := h.claim(l, task).(*build).dirs.Job
	info, err := json.Marshal(job.Info{V: job.InfoVersion, TrackingID: "runner_" + t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, job.InfoName), info, 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "600")
	child.Env = []string{"RUNNER_TRACKING_ID=runner_" + t.Name()}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	if _, err := spool.Recover(dir, closing(task, "killed")); err != nil {
		t.Fatal(err)
	}
	leave()

	l, leave = h.open()
	defer leave()
	h.recover(l, h.runner)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("a process of the job is left")
		_ = child.Process.Kill()
		<-ended
	}
}
