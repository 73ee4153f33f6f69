//go:build real

package faults

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// The process is stopped, as one that hangs: it obeys nothing but SIGKILL.
func TestTheThirdSignalKillsAJobProcessThatHangs(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo started; sleep 60")))
	g.logged(t, task, "started\n", 20*time.Second)
	pids := jobProcesses(dir)
	if len(pids) != 1 {
		t.Fatalf("job processes %v", pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.signal(syscall.SIGTERM)
		<-time.After(200 * time.Millisecond)
	}
	if code := r.waitExit(20 * time.Second); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if alive(pids[0]) {
		syscall.Kill(pids[0], syscall.SIGKILL)
		t.Error("the job process lives on")
	}
	again := start(t, dir)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	again.clean()
}

func TestTheThirdSignalDoesNotWaitForAServer(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo started; sleep 60")))
	g.logged(t, task, "started\n", 20*time.Second)
	remove := g.Fault(coordinator.AnyRPC, coordinator.Fault{Reset: true})
	r.signal(syscall.SIGTERM)
	<-time.After(200 * time.Millisecond)
	r.signal(syscall.SIGTERM)
	r.says(10*time.Second, "Sending what is left")
	began := time.Now()
	r.signal(syscall.SIGTERM)
	if code := r.waitExit(25 * time.Second); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	remove()
	again := start(t, dir)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); strings.Contains(text, "process ended while the job ran") {
		t.Errorf("its own end was lost:\n%s", text)
	}
	again.clean()
}
