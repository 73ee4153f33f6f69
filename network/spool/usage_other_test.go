//go:build !linux

package spool

import "io/fs"

func diskUsage(info fs.FileInfo) int64 { return info.Size() }
