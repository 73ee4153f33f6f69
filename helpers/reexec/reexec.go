// Package reexec runs another program in place of this one: in the same
// process, with the same children, and with chosen files open.
package reexec

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"multirunner/helpers/process"
)

// ErrUnsupported is Replace's error where a process cannot change its program.
var ErrUnsupported = errors.New("this system cannot replace the program of a running process")

// Program is what to run.
type Program struct {
	Path string
	Args []string // with the name that the program is called by
	Env  []string // K=V
}

// OnDisk gives the path that this program was started by, absolute: what is
// there is run by whoever starts it again. Ask at the start, before the file
// is replaced. arg0 is os.Args[0].
func OnDisk(arg0 string) (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	named := arg0
	if !strings.ContainsRune(arg0, filepath.Separator) {
		if named, err = exec.LookPath(arg0); err != nil {
			return path, nil
		}
	}
	if named, err = filepath.Abs(named); err != nil {
		return path, nil
	}
	// A name may be a link that is set to the next version. Anybody may give a
	// process any name, so it counts when it leads here only.
	self, err := process.Self()
	if err != nil {
		return path, nil
	}
	ours, err := os.Stat(self)
	if err != nil {
		return path, nil
	}
	if there, err := os.Stat(named); err == nil && os.SameFile(ours, there) {
		return named, nil
	}
	return path, nil
}

// reapLook is how often inherited children are looked at.
const reapLook = 250 * time.Millisecond

// Child is a child of this process that the program before started.
type Child struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // see process.StartTime
}
