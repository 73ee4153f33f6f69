//go:build unix

package configfile

import (
	"io/fs"
	"os"
)

// LooseMode tells whether a file's mode is looser than 0600.
func LooseMode(path string) (fs.FileMode, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	mode := info.Mode().Perm()
	return mode, mode&0o077 != 0
}
