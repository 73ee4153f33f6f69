package metrics

import "io/fs"

// onDisk is what a file takes.
func onDisk(info fs.FileInfo) int64 { return info.Size() }
