package spool

import (
	"io/fs"
	"syscall"
)

func diskUsage(info fs.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
