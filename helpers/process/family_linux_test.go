package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// escapes are scripts that leave a process behind whose number is in $1.
var escapes = []struct{ name, script string }{
	{"a background child", `sleep 300 & echo $! > "$1"`},
	{"a child in a session of its own", `setsid sh -c 'echo $$ > "$1"; exec sleep 300' sh "$1" &`},
	{"a double fork in a session of its own without environment and output",
		`setsid sh -c 'env -i sh -c "echo \$\$ > $1; exec sleep 300" > /dev/null 2>&1 & exit' sh "$1" & wait`},
	{"a child that ignores signals", `trap '' INT TERM HUP; sh -c 'echo $$ > "$1"; while :; do sleep 1; done' sh "$1" &`},
}

func cgroupName(t *testing.T) string {
	return fmt.Sprintf("multirunner-test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

func leave(t *testing.T, f *Family, script string) int {
	t.Helper()
	pidFile := filepath.Join(t.TempDir(), "pid")
	o := sh(script)
	o.Args = append(o.Args, "sh", pidFile)
	if got := start(t, f, o).Wait(t.Context(), forever()); got != (Status{}) {
		t.Fatalf("status %+v", got)
	}
	pid := readPID(t, pidFile)
	if gone(pid) {
		t.Fatal("the process is gone before anything ended it")
	}
	return pid
}

func TestNothingEscapesASubreaper(t *testing.T) {
	for _, escape := range escapes {
		t.Run(escape.name, func(t *testing.T) {
			f := newFamily(t)
			if err := f.BecomeSubreaper(); err != nil {
				t.Fatal(err)
			}
			pid := leave(t, f, escape.script)
			if err := f.KillAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !gone(pid) {
				t.Error("alive after KillAll")
			}
		})
	}
}

func TestNothingEscapesACgroup(t *testing.T) {
	for _, escape := range escapes {
		t.Run(escape.name, func(t *testing.T) {
			f := NewFamily()
			path, err := f.UseCgroup(cgroupName(t))
			if err != nil {
				t.Skip(err)
			}
			pid := leave(t, f, escape.script)
			if err := f.KillAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !gone(pid) {
				t.Error("alive after KillAll")
			}
			if err := f.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the cgroup is left: %v", err)
			}
		})
	}
}

func TestWithoutHelpGroupsAndTheirDescendantsAreEnded(t *testing.T) {
	f := newFamily(t)
	pid := leave(t, f, escapes[0].script)
	if err := f.KillAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) {
		t.Error("alive after KillAll")
	}
}

func TestCommandsRunInTheCgroupUntilItWasKilledAsAWhole(t *testing.T) {
	f := newFamily(t)
	path, err := f.UseCgroup(cgroupName(t))
	if err != nil {
		t.Skip(err)
	}
	inside := func() bool {
		var out buffer
		o := sh("cat /proc/self/cgroup")
		o.Stdout = &out
		if got := start(t, f, o).Wait(t.Context(), forever()); got != (Status{}) {
			t.Fatalf("status %+v", got)
		}
		return strings.Contains(out.String(), filepath.Base(path)+"\n")
	}
	if f.usableCgroup() == nil {
		t.Skip("nothing can be started in cgroups below this one")
	}
	if !inside() {
		t.Error("a command runs outside")
	}
	leave(t, f, escapes[1].script)
	if err := f.KillAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !inside() {
		t.Error("a command runs outside after KillAll")
	}
	leave(t, f, escapes[1].script)
	f.cgroup.killPass(true)
	if inside() {
		t.Error("a command runs in a cgroup that kills what is started in it")
	}
}

func TestACgroupThatKillsWhatIsStartedInItIsFoundOut(t *testing.T) {
	f := newFamily(t)
	path, err := f.UseCgroup(cgroupName(t))
	if err != nil {
		t.Skip(err)
	}
	if f.usableCgroup() == nil {
		t.Skip("nothing can be started in cgroups below this one")
	}
	if err := os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0); err != nil {
		t.Skip(err)
	}
	out := start(t, f, sh("exit 0")).Wait(t.Context(), forever())
	f.tryCgroup(f.cgroup)
	if killed := out.Signal != ""; f.cgroup.spent.Load() != killed {
		t.Errorf("a command ends with %+v, found unusable: %t", out, f.cgroup.spent.Load())
	}
}

func TestACgroupIsEndedFromOutside(t *testing.T) {
	f := NewFamily()
	path, err := f.UseCgroup(cgroupName(t))
	if err != nil {
		t.Skip(err)
	}
	pid := leave(t, f, escapes[2].script)
	// Something that a job may do when the directory is writable to it.
	if err := os.Mkdir(filepath.Join(path, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := KillCgroup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	if !gone(pid) {
		t.Error("alive after KillCgroup")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the cgroup is left: %v", err)
	}
	if err := f.Close(t.Context()); err != nil {
		t.Errorf("close of a family whose cgroup was removed: %v", err)
	}
}

func TestKillCgroupRefusesOtherDirectories(t *testing.T) {
	if err := KillCgroup(t.Context(), t.TempDir()); err == nil {
		t.Error("takes a directory that is no cgroup")
	}
	if err := KillCgroup(t.Context(), "/no/such/directory"); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
	own, err := ownCgroup()
	if err != nil {
		t.Skip(err)
	}
	if err := KillCgroup(t.Context(), own); err == nil || !strings.Contains(err.Error(), "in it") {
		t.Errorf("its own cgroup: %v", err)
	}
}

func TestReaperTakesOrphansOnlyAndAfterAWhile(t *testing.T) {
	f := newFamily(t)
	if err := f.BecomeSubreaper(); err != nil {
		t.Fatal(err)
	}
	// Other code of this process waits for its own children undisturbed.
	for range 20 {
		err := exec.Command("/bin/sh", "-c", "(sleep 0.01 &) ; exit 7").Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Fatalf("a command outside the family: %v", err)
		}
	}
	eventually(t, "all orphans are reaped", func() bool {
		pids, err := childPIDs()
		return err == nil && len(pids) == 0
	})
}

func TestReaperLeavesOwnedChildrenAlone(t *testing.T) {
	orphan := exec.Command("/bin/sh", "-c", "exit 3")
	owned := exec.Command("/bin/sh", "-c", "exit 4")
	for _, cmd := range []*exec.Cmd{orphan, owned} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the child ends", func() bool { return ended(cmd.Process.Pid) })
	}
	r := StartReaper(func(pid int) bool { return pid == owned.Process.Pid })
	eventually(t, "the unclaimed child is reaped", func() bool { return !ended(orphan.Process.Pid) })
	r.Close()
	if err := owned.Wait(); err == nil || owned.ProcessState.ExitCode() != 4 {
		t.Errorf("the owned child: %v", err)
	}
	if err := orphan.Wait(); err == nil {
		t.Error("the unclaimed child was still there")
	}
}

func TestSweepFindsProcessesByEnvironment(t *testing.T) {
	f := newFamily(t)
	dir := t.TempDir()
	id := filepath.Base(filepath.Dir(dir)) + "-" + time.Now().Format(time.RFC3339Nano)
	o := sh(`setsid sh -c 'echo $$ > "$1/marked"; env -i sleep 300 & echo $! > "$1/child"; wait' sh "$1" > /dev/null 2>&1 &`)
	o.Args = append(o.Args, "sh", dir)
	o.Env = append(o.Env, "TRACKING="+id)
	start(t, f, o).Wait(t.Context(), forever())
	marked, child := readPID(t, filepath.Join(dir, "marked")), readPID(t, filepath.Join(dir, "child"))

	if n, err := SweepEnv(t.Context(), "TRACKING", id[:len(id)-1]); n != 0 || err != nil {
		t.Errorf("a part of the value: %d, %v", n, err)
	}
	if gone(marked) || gone(child) {
		t.Fatal("swept by a part of the value")
	}
	n, err := SweepEnv(t.Context(), "TRACKING", id)
	if err != nil || n < 2 {
		t.Errorf("found %d, %v", n, err)
	}
	if !gone(marked) || !gone(child) {
		t.Error("alive after the sweep")
	}
	if _, err := SweepEnv(t.Context(), "TRACKING", ""); err == nil {
		t.Error("sweeps for an empty value")
	}
}

func TestKillAllNamesWhatIsLeft(t *testing.T) {
	f := newFamily(t)
	start(t, f, sh("exec sleep 300"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := f.KillAll(ctx)
	if err == nil || !strings.Contains(err.Error(), "(sleep)") && !strings.Contains(err.Error(), "(sh)") {
		t.Errorf("got %v", err)
	}
}
