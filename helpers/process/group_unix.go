//go:build unix

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// closeInterruptsRead: pipes are polled, so that closing one ends a pending read.
const closeInterruptsRead = true

// group is a process group, led by a command's main process.
type group struct{ pgid int }

func newGroup(cmd *exec.Cmd) *group { return &group{pgid: cmd.Process.Pid} }

func stageSignal(s stage) unix.Signal {
	switch s {
	case stageInterrupt:
		return unix.SIGINT
	case stageTerminate:
		return unix.SIGTERM
	default:
		return unix.SIGKILL
	}
}

// signal reaches every member; that there is none is not an error.
func (g *group) signal(s stage) { _ = unix.Kill(-g.pgid, stageSignal(s)) }

// exists tells whether the group has a member, zombies counted.
func (g *group) exists() bool {
	return !errors.Is(unix.Kill(-g.pgid, 0), unix.ESRCH)
}

func (g *group) close() {}

func (g *group) status(state *os.ProcessState) Status {
	wait, ok := state.Sys().(syscall.WaitStatus)
	if ok && wait.Signaled() {
		return Status{Code: -1, Signal: wait.Signal().String()}
	}
	return Status{Code: state.ExitCode()}
}
