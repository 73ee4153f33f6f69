//go:build unix

package tempdir

import (
	"io/fs"
	"os"
	"syscall"

	"multirunner/helpers/process"
)

// own gives an open file to a user. By its name it might be another one by
// now: a hard link to a file of somebody else, which the user would get.
func own(file *os.File, user *process.User) error {
	if user.IsSelf() {
		return nil
	}
	return file.Chown(int(user.UID), int(user.GID))
}

// ownDirectory does the same for a directory, and for nothing else.
func ownDirectory(root *os.Root, name string, user *process.User) error {
	if user.IsSelf() {
		return nil
	}
	dir, err := root.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return own(dir, user)
}

// trusted tells whether a file may be read for a user. A hard link to a file of
// somebody else is something that the user could not read itself.
func trusted(info fs.FileInfo, user *process.User) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || user.IsSelf() {
		return ok
	}
	return stat.Uid == user.UID || stat.Nlink == 1
}

// notBlocking keeps the opening of a pipe that nobody writes to from waiting.
const notBlocking = syscall.O_NONBLOCK
