//go:build real

package service

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is a service manager's end of NOTIFY_SOCKET.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

// next gives the assignments of the next message.
func (m *manager) next() []string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		m.t.Fatalf("no message: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(buf[:n])), "\n")
}

// until gives the message that has an assignment, and those before.
func (m *manager) until(assignment string) (got []string, before [][]string) {
	m.t.Helper()
	for {
		message := m.next()
		if slices.Contains(message, assignment) {
			return message, before
		}
		before = append(before, message)
	}
}

func none(t *testing.T, messages [][]string, assignments ...string) {
	t.Helper()
	for _, message := range messages {
		for _, a := range assignments {
			if slices.Contains(message, a) {
				t.Errorf("%q came among %q", a, messages)
			}
		}
	}
}

// TestTheRunnerTellsItsManagerHowItIs runs the real program as systemd would.
func TestTheRunnerTellsItsManagerHowItIs(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "runner")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "multirunner").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	m := &manager{t, conn}

	cmd := exec.Command(binary, Spec{Config: config, StateDir: filepath.Join(dir, "state"), FixedStateDir: true}.Arguments()...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=600000")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() // its status is looked at below
	}()
	defer func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("output of the runner:\n%s", &output)
		}
	}()
	signal := func(sig os.Signal) {
		t.Helper()
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}

	ready, before := m.until("READY=1")
	if len(before) > 0 || !slices.Contains(ready, "STATUS=0 jobs; 0 registrations") {
		t.Errorf("ready says %q, after %q", ready, before)
	}
	last := time.Now()
	for range 5 {
		if m.until("WATCHDOG=1"); time.Since(last) > 600*time.Millisecond {
			t.Errorf("the watchdog was not fed for %s", time.Since(last))
		}
		last = time.Now()
	}

	signal(syscall.SIGHUP)
	reloading, before := m.until("RELOADING=1")
	none(t, before, "READY=1")
	if len(reloading) != 2 || !strings.HasPrefix(reloading[1], "MONOTONIC_USEC=") {
		t.Errorf("got %q", reloading)
	}
	m.until("READY=1")

	signal(syscall.SIGTERM)
	_, before = m.until("STOPPING=1")
	none(t, before, "READY=1", "RELOADING=1")
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
