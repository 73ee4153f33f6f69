//go:build !linux

// Package mounts tells what is mounted where. On this system it knows nothing.
package mounts

import (
	"errors"
	"fmt"
)

// Mount is one mounted file system.
type Mount struct {
	Root  string // what of the file system is mounted
	Point string // where
	Type  string // of the file system
}

// List knows no mounts on this system.
func List() ([]Mount, error) { return nil, nil }

// Below knows no mounts on this system.
func Below(string) ([]string, error) { return nil, nil }

// Detach gives an error.
func Detach(point string) error {
	return fmt.Errorf("unmount %s: %w", point, errors.ErrUnsupported)
}
