//go:build real

package process

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRealEscalationTakesItsTime(t *testing.T) {
	gaps := Escalation{Graceful: 7500 * time.Millisecond, Force: 2500 * time.Millisecond}
	for _, test := range []struct {
		script string
		want   string
		took   time.Duration
	}{
		{`trap 'echo int' INT; trap 'echo term' TERM; echo ready; while :; do sleep 0.05; done`, "killed", 10 * time.Second},
		{`trap '' INT; echo ready; while :; do sleep 0.05; done`, "terminated", 7500 * time.Millisecond},
	} {
		began := time.Now()
		got, out := cancelled(t, test.script, gaps, nil)
		if took := time.Since(began); got.Signal != test.want || took < test.took || took > test.took+3*time.Second {
			t.Errorf("%s: %+v after %v, output %q", test.script, got, took, out)
		}
	}
}

func TestRealDrainIsFiveSecondsAtMost(t *testing.T) {
	f := newFamily(t)
	var out buffer
	o := sh("(while :; do echo again; sleep 0.02; done) &")
	o.Stdout = &out
	began := time.Now()
	start(t, f, o).Wait(t.Context(), forever())
	if took := time.Since(began); took < 4*time.Second || took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
}

// bomb forks as fast as it can, at most some hundred processes at a time, each
// in a session of its own.
const bomb = `
i=0; while [ $i -lt 100000 ]; do setsid sh -c 'sleep 0.3' & i=$((i+1)); [ $((i % 200)) -ne 0 ] || sleep 0.3; done`

func TestRealAForkBombIsEnded(t *testing.T) {
	for _, with := range []string{"subreaper", "cgroup", "both"} {
		t.Run(with, func(t *testing.T) {
			f := newFamily(t)
			if with != "cgroup" {
				if err := f.BecomeSubreaper(); err != nil {
					t.Fatal(err)
				}
			}
			if with != "subreaper" {
				if _, err := f.UseCgroup(cgroupName(t)); err != nil {
					t.Skip(err)
				}
			}
			c := start(t, f, sh("("+bomb+") > /dev/null 2>&1 & sleep 1"))
			c.Wait(t.Context(), forever())
			began := time.Now()
			if err := f.KillAll(t.Context()); err != nil {
				t.Error(err)
			}
			t.Logf("gone after %v", time.Since(began))
		})
	}
}

// TestRealRecoveryAfterTheDeathOfTheParent plays the start after a crash: the
// process that started the commands is gone, its cgroup and the tracking id are
// all that is known.
func TestRealRecoveryAfterTheDeathOfTheParent(t *testing.T) {
	dir := t.TempDir()
	id := cgroupName(t) + time.Now().Format(time.RFC3339Nano)
	s, err := StartSession(SessionOptions{
		Path: "/bin/sh", Env: []string{"PATH=/usr/bin:/bin", "RUNNER_TRACKING_ID=" + id},
		Args: []string{"-c", `setsid sh -c 'echo $$ > "$1"; exec sleep 300' sh "$1" & read x`, "sh", filepath.Join(dir, "pid")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stdin.Close()
	pid := readPID(t, filepath.Join(dir, "pid"))
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if gone(pid) {
		t.Fatal("the child died with its parent")
	}
	if n, err := SweepEnv(context.Background(), "RUNNER_TRACKING_ID", id); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if !gone(pid) {
		t.Error("alive after the sweep")
	}
}

// TestRealHundredsOfCommands checks that nothing piles up over a long job.
func TestRealHundredsOfCommands(t *testing.T) {
	f := newFamily(t)
	if err := f.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for range 300 {
		var out buffer
		o := sh("(sleep 0.05 > /dev/null 2>&1 &) ; echo x")
		o.Stdout, o.Stderr = &out, &out
		if got := start(t, f, o).Wait(t.Context(), forever()); got != (Status{}) || out.String() != "x\n" {
			t.Fatalf("%+v, %q", got, out.String())
		}
	}
	eventually(t, "the orphans are reaped", func() bool {
		pids, err := childPIDs()
		return err == nil && len(pids) == 0
	})
	start(t, f, sh("true")).Wait(t.Context(), forever())
	if after := openFiles(t); after > before+5 {
		t.Errorf("%d open files before, %d after", before, after)
	}
	if len(f.groups) > 0 || len(f.running) > 0 || len(f.reading) > 0 {
		t.Errorf("%d groups, %d running, %d reading are remembered", len(f.groups), len(f.running), len(f.reading))
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
