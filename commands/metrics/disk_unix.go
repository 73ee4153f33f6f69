//go:build unix

package metrics

import (
	"io/fs"
	"syscall"
)

// blockSize is the unit of st_blocks, whatever the file system's own is.
const blockSize = 512

// onDisk is what a file takes, which for one with holes is less than its size.
func onDisk(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * blockSize
	}
	return info.Size()
}
