package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// sessionAttr gives the process a console of its own that is not shown, for
// CTRL_BREAK to reach its commands.
func sessionAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

func newSessionGroup(cmd *exec.Cmd) *group { return newGroup(cmd) }

// InheritedFile gives an error: files are not passed on here.
func InheritedFile(i int, name string) (*os.File, error) {
	return nil, fmt.Errorf("inherited file %d (%s): %w", i, name, errors.ErrUnsupported)
}
