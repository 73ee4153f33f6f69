//go:build !linux

package state

import "os"

// syncData makes the content of a file durable whose size has not changed.
func syncData(f *os.File) error { return f.Sync() }
