//go:build unix

package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"multirunner/helpers/lookpath"
	"multirunner/helpers/process"
)

const mayExecute = 1 // the x bit of a class

// executable tells whether the job's user can execute a file, by the file's own
// mode.
func (e *Executor) executable(path string) (string, bool) {
	if e.user.IsSelf() {
		return lookpath.Executable(path)
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return "", false
	}
	return path, permits(info, e.user, mayExecute)
}

// permits tells whether a file's mode gives a user some rights.
func permits(info fs.FileInfo, user *process.User, rights fs.FileMode) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok:
		return false
	case user.UID == 0:
		return mode&0o111 != 0 || info.IsDir()
	case stat.Uid == user.UID:
		return mode>>6&rights == rights
	case user.In(stat.Gid):
		return mode>>3&rights == rights
	}
	return mode&rights == rights
}

// explain adds to a refusal which directory shuts the job's user out, as far
// as modes tell.
func (e *Executor) explain(err error, dir string) error {
	if e.user.IsSelf() || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	closed := ""
	for path := e.directory(dir); ; path = filepath.Dir(path) {
		if info, statErr := os.Stat(path); statErr == nil && !permits(info, e.user, mayExecute) {
			closed = path
		}
		if path == filepath.Dir(path) {
			break
		}
	}
	if closed == "" {
		return err
	}
	return fmt.Errorf("%w: user %s may not enter %s: allow it with chmod o+x, or use another directory", err, e.user.Name, closed)
}

// own gives a file or directory, not what it links to, to the job's user. It is
// for where the job is not yet: by its name it might give away another file.
func (e *Executor) own(root *os.Root, name string) error {
	if e.user.IsSelf() {
		return nil
	}
	return root.Lchown(name, int(e.user.UID), int(e.user.GID))
}

// notBlocking keeps the opening of a pipe that nobody writes to from waiting.
const notBlocking = syscall.O_NONBLOCK
