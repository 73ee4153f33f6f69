//go:build real

package faults

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

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// nextVersion is what the other program on disk calls itself.
const nextVersion = "v2.0.0-test"

// next builds the other program once.
var next = sync.OnceValues(func() ([]byte, error) {
	path := binary + "-next"
	build := exec.Command("go", "build", "-race", "-ldflags", "-X main.version="+nextVersion, "-o", path, "multirunner")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(path)
})

// upgradable is a runner that was started from a program of its own, which can
// be replaced.
type upgradable struct {
	*runner
	program string
	changed int
}

// startUpgradable starts a runner over the config.toml in dir.
func startUpgradable(t *testing.T, dir string, env ...string) *upgradable {
	t.Helper()
	u := &upgradable{program: filepath.Join(dir, "bin", "runner")}
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(u.program), 0o755); err != nil {
		t.Fatal(err)
	}
	u.put(t, data, 0o755)
	r := realrun.Run(t, u.program, dir, env...)
	u.runner = &runner{Runner: r, t: t, cmd: r.Cmd, dir: dir, output: r.Output}
	return u
}

// put replaces the program on disk, as install and package managers do.
func (u *upgradable) put(t *testing.T, data []byte, mode os.FileMode) {
	t.Helper()
	u.changed++
	fresh := fmt.Sprintf("%s.%d", u.program, u.changed)
	if err := os.WriteFile(fresh, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, u.program); err != nil {
		t.Fatal(err)
	}
}

func (u *upgradable) putNext() {
	u.t.Helper()
	data, err := next()
	if err != nil {
		u.t.Fatal(err)
	}
	u.put(u.t, data, 0o755)
}

// putScript makes the program on disk a shell script. $REAL is the real one.
func (u *upgradable) putScript(script string) {
	u.t.Helper()
	u.put(u.t, []byte("#!/bin/sh\nREAL='"+binary+"'\n"+script+"\n"), 0o755)
}

// upgrade runs `runner service upgrade`.
func (u *upgradable) upgrade(args ...string) (string, int) {
	u.t.Helper()
	cmd := exec.Command(binary, append([]string{"service", "upgrade", "--working-directory", filepath.Join(u.dir, "state")}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the code tells
	return out.String(), cmd.ProcessState.ExitCode()
}

func (u *upgradable) mustUpgrade(to string) string {
	u.t.Helper()
	out, code := u.upgrade()
	if code != 0 || !strings.Contains(out, "-> "+to+"\n") {
		u.t.Fatalf("upgrade: exit code %d\n%s", code, out)
	}
	return out
}

// goesOn counts the upgrades so far.
func (u *upgradable) goesOn() int {
	return strings.Count(u.output.String(), "Runner goes on in the place of")
}

func (u *upgradable) upgraded(times int) {
	u.t.Helper()
	eventually(u.t, 60*time.Second, fmt.Sprintf("%d upgrades are done", times), func() bool { return u.goesOn() >= times })
}

// ends stops the runner, which must not be the worse for all of it.
func (u *upgradable) ends() {
	u.t.Helper()
	u.clean()
	u.noZombies()
	u.signal(syscall.SIGTERM)
	if code := u.waitExit(60 * time.Second); code != 0 {
		u.t.Errorf("exit code %d", code)
	}
}

// noZombies looks for job processes that nobody waits for.
func (u *upgradable) noZombies() {
	u.t.Helper()
	var left []int
	eventually(u.t, 10*time.Second, "no zombie is left", func() bool {
		left = nil
		for _, pid := range pids() {
			if s := statOf(pid); s.parent == u.cmd.Process.Pid && s.state == "Z" {
				left = append(left, pid)
			}
		}
		return len(left) == 0
	})
}

// rows is a script of numbered rows that waits in the middle for a file.
func rows(file string) string {
	return fmt.Sprintf("for i in $(seq 1 %d); do echo row $i; done\nuntil [ -e %s ]; do sleep 0.05; done\nfor i in $(seq %d %d); do echo row $i; done",
		rowsInAll/2, file, rowsInAll/2+1, rowsInAll)
}

// whole checks that a task has succeeded, with every row once.
func (g *gitea) whole(t *testing.T, task int64, within time.Duration) {
	t.Helper()
	if status := g.result(t, task, within); status != coordinator.StatusSuccess {
		t.Errorf("task %d: %v\n%s", task, status, g.text(task))
	}
	n := 0
	for _, line := range g.Log(task) {
		if strings.HasPrefix(line.Content, "row ") {
			if n++; line.Content != fmt.Sprintf("row %d", n) {
				t.Errorf("task %d: %q is row %d", task, line.Content, n)
			}
		}
	}
	if n != rowsInAll {
		t.Errorf("task %d: %d rows, want %d", task, n, rowsInAll)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
