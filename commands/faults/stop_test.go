//go:build real

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

func TestAJobProcessThatDiesIsClosedAndCleanedUp(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	marker := fmt.Sprintf("94%d", os.Getpid())
	task := g.task(t, g.submit(t, "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - run: |\n"+indent(
		"mkdir -p $HOME/go/mod; touch $HOME/go/mod/f; chmod -R a-w $HOME/go\nsetsid sleep "+marker+" &\necho started\nsleep "+marker, 10)+
		"      - run: echo never\n"))
	g.logged(t, task, "started\n", 20*time.Second)
	for _, pid := range jobProcesses(dir) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); !strings.Contains(text, "signal: killed") {
		t.Errorf("no row says what happened:\n%s", text)
	}
	info, _ := g.Task(task)
	for _, step := range info.Steps {
		if !step.Status.Done() {
			t.Errorf("step %s is %v", step.Name, step.Status)
		}
	}
	r.clean()
	if left := processes("sleep\x00" + marker); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	task = g.task(t, g.submit(t, workflow("echo next")))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the next job: %v", status)
	}
}

// Somebody else's SIGTERM, an operating system's for one, is a shutdown.
func TestSIGTERMToAJobProcessEndsTheJobAsFailed(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("trap 'echo trapped; exit 0' INT\necho started\nwhile true; do sleep 0.1; done")))
	g.logged(t, task, "started\n", 20*time.Second)
	for _, pid := range jobProcesses(dir) {
		syscall.Kill(pid, syscall.SIGTERM)
	}
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); !strings.Contains(text, "trapped") || !strings.Contains(text, "shutting down") {
		t.Errorf("log:\n%s", text)
	}
	r.clean()
}

func TestARunnerWhoseLogNobodyReadsGoesOn(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "-c", filepath.Join(dir, "config.toml"), "--working-directory", filepath.Join(dir, "state"))
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	read.Close()
	for range 2 {
		g.works(t)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
