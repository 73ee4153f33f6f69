//go:build unix

package lookpath

import (
	"os"

	"golang.org/x/sys/unix"
)

// Executable tells whether this process's user can execute a file.
func Executable(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return "", false
	}
	return path, unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
}
