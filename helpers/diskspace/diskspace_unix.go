//go:build unix

// Package diskspace tells how much room there is.
package diskspace

import "golang.org/x/sys/unix"

// Free is how many bytes this user may still write below dir.
func Free(dir string) (uint64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil
}
