//go:build real

package realrun

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Settings make a runner quick enough for tests.
const Settings = `concurrent = %d
check_interval = "100ms"
log_level = "debug"
shutdown_timeout = "60s"
%s
[polling]
interval_max = "500ms"
idle_requests_per_second = 20
[reporting]
log_report_interval = "300ms"
log_report_max_latency = "200ms"
state_report_interval = "500ms"
`

// WriteConfig writes a config.toml of Settings, further global keys and
// [[runners]] blocks.
func WriteConfig(t *testing.T, dir string, concurrent int, global string, blocks ...string) {
	t.Helper()
	text := fmt.Sprintf(Settings, concurrent, global) + strings.Join(blocks, "")
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Buffer is what a process has written so far.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Runner is a running `runner run`.
type Runner struct {
	T        *testing.T
	Cmd      *exec.Cmd
	Dir      string // with config.toml and state
	Output   *Buffer
	Exited   chan struct{}
	ExitCode int // after Exited
}

// Run starts a runner over the config.toml in dir. It ends with the test,
// which fails when the race detector has found something.
func Run(t *testing.T, binary, dir string, env ...string) *Runner {
	t.Helper()
	r := &Runner{T: t, Dir: dir, Output: new(Buffer), Exited: make(chan struct{})}
	r.Cmd = exec.Command(binary, "run", "-c", filepath.Join(dir, "config.toml"), "--working-directory", filepath.Join(dir, "state"))
	r.Cmd.Env = append(os.Environ(), env...)
	r.Cmd.Stdout, r.Cmd.Stderr = r.Output, r.Output
	if err := r.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.Cmd.Wait()
		r.ExitCode = r.Cmd.ProcessState.ExitCode()
		close(r.Exited)
	}()
	t.Cleanup(func() {
		r.Stop()
		if t.Failed() {
			t.Logf("output of the runner:\n%s", r.Output)
		}
		if strings.Contains(r.Output.String(), "DATA RACE") {
			t.Errorf("data race in the runner:\n%s", r.Output)
		}
	})
	return r
}

// Signal sends a signal.
func (r *Runner) Signal(sig syscall.Signal) {
	r.T.Helper()
	if err := r.Cmd.Process.Signal(sig); err != nil {
		r.T.Fatalf("signal %v: %v", sig, err)
	}
}

// Stop ends the runner, whatever it takes.
func (r *Runner) Stop() {
	for range 3 {
		r.Cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-r.Exited:
			return
		case <-time.After(3 * time.Second):
		}
	}
	r.Cmd.Process.Kill()
	<-r.Exited
}

// WaitExit waits for the runner to end by itself.
func (r *Runner) WaitExit(within time.Duration) int {
	r.T.Helper()
	select {
	case <-r.Exited:
		return r.ExitCode
	case <-time.After(within):
		r.T.Fatalf("the runner has not ended within %s", within)
		return -1
	}
}

// Leftovers lists what jobs left in the state directory.
func (r *Runner) Leftovers() []string {
	var left []string
	for _, sub := range []string{"jobs", "builds"} {
		names, _ := filepath.Glob(filepath.Join(r.Dir, "state", sub, "*"))
		left = append(left, names...)
	}
	return left
}

// JobProcesses gives the pids of the job processes of a state directory.
func JobProcesses(stateDir string) []int {
	var pids []int
	files, _ := filepath.Glob(filepath.Join(stateDir, "jobs", "*", "job.json"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		var pid int
		if _, rest, ok := strings.Cut(string(data), `"pid":`); ok {
			fmt.Sscanf(rest, "%d", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); ; {
		if holds() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
