//go:build unix

package process

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStatusTellsHowACommandEnded(t *testing.T) {
	for _, test := range []struct {
		script string
		want   Status
	}{
		{"true", Status{}},
		{"exit 3", Status{Code: 3}},
		{"exit 255", Status{Code: 255}},
		{"kill -KILL $$", Status{Code: -1, Signal: "killed"}},
		{"kill -TERM $$", Status{Code: -1, Signal: "terminated"}},
	} {
		t.Run(test.script, func(t *testing.T) {
			got := start(t, newFamily(t), sh(test.script)).Wait(t.Context(), forever())
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestStartFailsForAMissingProgram(t *testing.T) {
	var out buffer
	o := Options{Path: "/no/such/program", Stdout: &out, Stderr: &out, Late: &out}
	if _, err := newFamily(t).Start(o); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want one that says that it does not exist", err)
	}
}

func TestStreamsAreKeptApart(t *testing.T) {
	var stdout, stderr buffer
	o := sh("echo one; echo two >&2; echo three")
	o.Stdout, o.Stderr = &stdout, &stderr
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if stdout.String() != "one\nthree\n" || stderr.String() != "two\n" {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
}

func TestOneWriterForBothStreamsKeepsTheOrder(t *testing.T) {
	var both buffer
	o := sh("for i in 1 2 3 4 5 6 7 8; do echo o$i; echo e$i >&2; done")
	o.Stdout, o.Stderr = &both, &both
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if want := "o1\ne1\no2\ne2\no3\ne3\no4\ne4\no5\ne5\no6\ne6\no7\ne7\no8\ne8\n"; both.String() != want {
		t.Errorf("got %q", both.String())
	}
}

func TestAllOutputIsReadBeforeWaitReturns(t *testing.T) {
	var out buffer
	o := sh("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
	o.Stdout = &out
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if n := strings.Count(out.String(), "\n"); n != 20000 {
		t.Errorf("%d lines, want 20000", n)
	}
}

func TestNothingOfOurEnvironmentReachesACommand(t *testing.T) {
	t.Setenv("PROCESS_TEST_MARKER", "must not be seen")
	for _, env := range [][]string{nil, {"GIVEN=1"}} {
		var out buffer
		o := Options{Path: "/usr/bin/env", Env: env, Stdout: &out}
		start(t, newFamily(t), o).Wait(t.Context(), forever())
		if got := strings.TrimSpace(out.String()); got != strings.Join(env, "\n") {
			t.Errorf("with %q the command sees %q", env, got)
		}
	}
}

func TestWaitDoesNotWaitForSilenceWhenTheOutputIsClosed(t *testing.T) {
	var out buffer
	o := sh("echo done")
	o.Stdout, o.Stderr, o.Quiet, o.Drain = &out, &out, time.Hour, time.Hour
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if out.String() != "done\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestBackgroundChildThatHoldsTheOutput(t *testing.T) {
	f := newFamily(t)
	var out, late buffer
	gate := filepath.Join(t.TempDir(), "gate")
	o := sh("(until [ -e " + gate + " ]; do sleep 0.01; done; echo late; sleep 300) & echo now")
	o.Stdout, o.Stderr, o.Late, o.Drain = &out, &out, &late, time.Hour
	c := start(t, f, o)
	if got := c.Wait(t.Context(), forever()); got != (Status{}) {
		t.Errorf("the background child changes the status to %+v", got)
	}
	if out.String() != "now\n" || late.String() != "" {
		t.Errorf("stdout %q, late %q", out.String(), late.String())
	}

	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the background child's output arrives", func() bool { return late.String() == "late\n" })
	if out.String() != "now\n" {
		t.Errorf("stdout got more after Wait: %q", out.String())
	}

	if err := f.KillAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Drained():
	default:
		t.Error("the output is open after KillAll")
	}
}

func TestAChattyBackgroundChildDelaysTheEndNoLongerThanDrain(t *testing.T) {
	f := newFamily(t)
	var out buffer
	o := sh("(while :; do echo again; sleep 0.01; done) &")
	o.Stdout, o.Quiet, o.Drain = &out, time.Hour, 200*time.Millisecond
	start(t, f, o).Wait(t.Context(), forever())
	if out.String() == "" {
		t.Error("nothing was read while the end was waited for")
	}
	if err := f.KillAll(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestKillAllIsIdempotentAndAlsoEndsWhatIsWaitedFor(t *testing.T) {
	f := newFamily(t)
	c := start(t, f, sh("sleep 300"))
	status := make(chan Status)
	go func() { status <- c.Wait(context.Background(), forever()) }()
	for range 2 {
		if err := f.KillAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-status; got.Signal != "killed" {
		t.Errorf("got %+v", got)
	}
}

func TestWorkingDirectoryNameAndInput(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out buffer
	o := sh("pwd; echo $0; read line; echo read:$line")
	o.Dir, o.Stdout = dir, &out
	o.Args = append(o.Args, "zero")
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if want := dir + "\nzero\nread:\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestUserThatIsThisOneNeedsNoPrivileges(t *testing.T) {
	me := &User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if !me.IsSelf() || !me.MayRunAs() || me.credential() != nil {
		t.Error("running as oneself asks for privileges")
	}
	if _, err := LookupUser("no-such-user-here"); err == nil || !strings.Contains(err.Error(), "no-such-user-here") {
		t.Errorf("an unknown user gives %v", err)
	}
}

func TestCommandRunsAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	nobody, err := LookupUser("nobody")
	if err != nil {
		t.Skip(err)
	}
	var out buffer
	o := sh("id -u")
	o.Dir, o.User, o.Stdout = "/", nobody, &out
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if got, want := strings.TrimSpace(out.String()), strconv.Itoa(int(nobody.UID)); got != want {
		t.Errorf("runs as %s, want %s", got, want)
	}
}
