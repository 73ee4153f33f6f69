//go:build unix

package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"multirunner/helpers/process"
)

const mayExecute = 1 // the x bit of a class

// executable tells whether the job's user can execute a file, by the file's own
// mode.
func (e *Executor) executable(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return "", false
	}
	if e.user.IsSelf() {
		return path, unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
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
// for where the job is not yet: see ownOpen.
func (e *Executor) own(root *os.Root, name string) error {
	if e.user.IsSelf() {
		return nil
	}
	return root.Lchown(name, int(e.user.UID), int(e.user.GID))
}

// ownOpen gives an open file to the job's user. By its name it might be another
// one by now: a hard link to a file of somebody else, which the job would get.
func (e *Executor) ownOpen(file *os.File) error {
	if e.user.IsSelf() {
		return nil
	}
	return file.Chown(int(e.user.UID), int(e.user.GID))
}

// ownDirectory does the same for a directory, and for nothing else.
func (e *Executor) ownDirectory(root *os.Root, name string) error {
	if e.user.IsSelf() {
		return nil
	}
	dir, err := root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return e.ownOpen(dir)
}

// trusted tells whether a file may be read for the job. A hard link to a file
// of somebody else is something that the job's user could not read itself.
func (e *Executor) trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || e.user.IsSelf() {
		return ok
	}
	return stat.Uid == e.user.UID || stat.Nlink == 1
}

// notBlocking keeps the opening of a pipe that nobody writes to from waiting.
const notBlocking = syscall.O_NONBLOCK
