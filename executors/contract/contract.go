// Package contract is the suite of behaviour that every executor passes: what
// common.Executor and common.ExecutorProvider promise. It is run by the tests
// of the executors.
package contract

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/common"
)

// Harness makes what is tested, and says what of the suite it can show.
type Harness struct {
	// New gives a provider and the spec of a job that can be prepared. The suite
	// changes the spec's timeouts and environment. Every job has a tracking id.
	New func(t *testing.T) (common.ExecutorProvider, *common.JobSpec)
	// Broken gives those of a job whose Prepare fails.
	Broken func(t *testing.T) (common.ExecutorProvider, *common.JobSpec)
	// Real tells that commands are processes of a Unix system with a shell, and
	// that nothing they start escapes StopBackground.
	Real bool
	// Gone tells whether a process of a job, by the number that the job knows,
	// runs no more. Needed with Real.
	Gone func(t *testing.T, pid string) bool
}

// Test runs the suite.
func Test(t *testing.T, h Harness) {
	t.Run("provider", func(t *testing.T) { testProvider(t, h) })
	t.Run("lifecycle", func(t *testing.T) { testLifecycle(t, h) })
	t.Run("run", func(t *testing.T) { testRun(t, h) })
	t.Run("output", func(t *testing.T) { testOutput(t, h) })
	t.Run("background", func(t *testing.T) { testBackground(t, h) })
	t.Run("cancel", func(t *testing.T) { testCancel(t, h) })
	t.Run("environment", func(t *testing.T) { testEnvironment(t, h) })
	t.Run("files", func(t *testing.T) { testFiles(t, h) })
	if h.Real {
		t.Run("hostile files", func(t *testing.T) { testHostileFiles(t, h) })
	}
	t.Run("programs", func(t *testing.T) { testPrograms(t, h) })
}

// place is a prepared executor.
type place struct {
	common.Executor
	spec *common.JobSpec
}

// prepare gives a prepared executor of a job whose spec was changed by set.
func prepare(t *testing.T, h Harness, set ...func(*common.JobSpec)) place {
	t.Helper()
	provider, spec := h.New(t)
	for _, f := range set {
		f(spec)
	}
	e, err := provider.Create(spec)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Cleanup(context.Background()); err != nil {
			t.Errorf("Cleanup: %v", err)
		}
	})
	if err := e.Prepare(t.Context(), io.Discard); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return place{e, spec}
}

// sh is a command that runs a script.
func (p place) sh(script string) *common.Command {
	return &common.Command{Path: "sh", Args: []string{"-c", script}, Env: p.BaseEnv()}
}

// run runs a script to its end and gives its standard output.
func (p place) run(t *testing.T, script string) (common.ExitStatus, string) {
	t.Helper()
	var out buffer
	cmd := p.sh(script)
	cmd.Stdout, cmd.Stderr = &out, &out
	status, err := p.Run(t.Context(), cmd)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return status, out.String()
}

// output runs a script that must succeed.
func (p place) output(t *testing.T, script string) string {
	t.Helper()
	status, out := p.run(t, script)
	if !status.Success() {
		t.Fatalf("%s: status %+v, output %q", script, status, out)
	}
	return out
}

// gaps sets how long cancelled commands are given.
func gaps(graceful, force time.Duration) func(*common.JobSpec) {
	return func(spec *common.JobSpec) {
		spec.Shell.GracefulKillTimeout = common.Duration(graceful)
		spec.Shell.ForceKillTimeout = common.Duration(force)
	}
}

// buffer is a writer that can be read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) contains(text string) func() bool {
	return func() bool { return strings.Contains(b.String(), text) }
}

// eventually polls until the claim holds.
func eventually(t *testing.T, claim string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", claim)
		}
		<-tick.C
	}
}
