//go:build real

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multirunner/network/coordinator"
)

// The job fills the disk that its own log and the runner's state are on.
func TestAJobThatFillsTheDiskEndsAndItsLogArrives(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	g := newGitea(t, coordinator.Options{})
	dir := shortTemp(t)
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", state, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(state, unix.MNT_DETACH) })
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	t.Cleanup(func() { r.stop() })
	task := g.task(t, g.submit(t, workflow("echo before\ndd if=/dev/zero of=$HOME/big bs=64k 2>/dev/null || echo full\nfor i in $(seq 1 2000); do echo row $i; done; echo after")))
	if status := g.result(t, task, 60*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, row := range []string{"before", "full", "row 2000", "after"} {
		if !strings.Contains(text, "\n"+row+"\n") {
			t.Errorf("no row %q", row)
		}
	}
	if t.Failed() {
		t.Log(text[:min(len(text), 3000)])
	}
	r.clean()
	r.signal(syscall.SIGTERM)
	r.waitExit(20 * time.Second)
}
