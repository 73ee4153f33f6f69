package metrics

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// onDisk is what a file takes.
func onDisk(info fs.FileInfo) int64 { return info.Size() }

func freeBytes(dir string) (float64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return float64(free), nil
}
