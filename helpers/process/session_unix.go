//go:build unix

package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func sessionAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func newSessionGroup(cmd *exec.Cmd) *group { return &group{pgid: cmd.Process.Pid} }

// InheritedFile gives ExtraFiles[i] of the SessionOptions that started this
// process. The file is not passed on to what this process starts.
func InheritedFile(i int, name string) (*os.File, error) {
	fd := uintptr(3 + i)
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("inherited file %d (%s): %w", i, name, err)
	}
	return os.NewFile(fd, name), nil
}
