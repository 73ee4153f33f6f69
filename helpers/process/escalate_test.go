//go:build unix

package process

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var errAtOnce = errors.New("at once")

// cancelled starts a script, cancels when it has said "ready", and gives what
// came of it.
func cancelled(t *testing.T, script string, e Escalation, cause error) (Status, string) {
	t.Helper()
	var out buffer
	o := sh(script)
	o.Stdout, o.Stderr = &out, &out
	f := newFamily(t)
	c := start(t, f, o)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	status := make(chan Status)
	go func() { status <- c.Wait(ctx, e) }()
	eventually(t, "the script is ready", func() bool { return strings.Contains(out.String(), "ready") })
	cancel(cause)
	return <-status, out.String()
}

func TestCancelledCommandMayWriteAndChooseItsStatus(t *testing.T) {
	got, out := cancelled(t, `trap 'echo cleaning; exit 7' INT; echo ready; while :; do sleep 0.01; done`, forever(), nil)
	if got != (Status{Code: 7}) || !strings.HasSuffix(out, "cleaning\n") {
		t.Errorf("got %+v and %q", got, out)
	}
}

func TestEscalation(t *testing.T) {
	short := Escalation{Graceful: 30 * time.Millisecond, Force: 30 * time.Millisecond}
	const loop = `echo ready; while :; do sleep 0.01; done`
	for _, test := range []struct {
		name, script string
		gaps         Escalation
		want         string
	}{
		{"interrupt ends a plain command", loop, forever(), "interrupt"},
		{"terminate follows an ignored interrupt", `trap '' INT; ` + loop, Escalation{Graceful: short.Graceful, Force: time.Hour}, "terminated"},
		{"kill follows both", `trap '' INT TERM; ` + loop, short, "killed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := cancelled(t, test.script, test.gaps, nil); got.Signal != test.want {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

func TestKillAtOnceByTheCause(t *testing.T) {
	gaps := forever()
	gaps.AtOnce = func(cause error) bool { return errors.Is(cause, errAtOnce) }
	const script = `trap 'echo trapped; exit 0' INT TERM; echo ready; while :; do sleep 0.01; done`

	got, out := cancelled(t, script, gaps, errAtOnce)
	if got.Signal != "killed" || strings.Contains(out, "trapped") {
		t.Errorf("got %+v and %q", got, out)
	}
	if got, out := cancelled(t, script, gaps, errors.New("another")); got != (Status{}) || !strings.Contains(out, "trapped") {
		t.Errorf("another cause: got %+v and %q", got, out)
	}
}

func TestTheWholeGroupIsEnded(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	// The child ignores the interrupt, as shells make background commands do.
	// That must not cost the gap: the main process is gone.
	script := `sleep 300 & echo $! > ` + pidFile + `; echo ready; wait`
	got, _ := cancelled(t, script, forever(), nil)
	if got.Signal != "interrupt" {
		t.Errorf("got %+v", got)
	}
	pid := readPID(t, pidFile)
	eventually(t, "the background child is gone", func() bool { return gone(pid) })
}

func TestACommandThatHasEndedIsNotSignalled(t *testing.T) {
	f := newFamily(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := start(t, f, sh("exit 4"))
	eventually(t, "the command ends", func() bool { return !c.running() })
	cancel()
	if got := c.Wait(ctx, Escalation{}); got != (Status{Code: 4}) {
		t.Errorf("got %+v", got)
	}
}
