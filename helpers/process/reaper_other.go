//go:build !linux

package process

import (
	"errors"
	"sync"
)

// Reaper waits for children that nobody in this process started. Only Linux
// has such children.
type Reaper struct{}

// StartReaper does nothing on this system.
func StartReaper(func(pid int) bool) *Reaper { return &Reaper{} }

func startReaper(func(pid int) bool, *sync.RWMutex) *Reaper { return &Reaper{} }

// Close does nothing on this system.
func (*Reaper) Close() {}

func setSubreaper(on bool) error {
	if !on {
		return nil
	}
	return errors.ErrUnsupported
}
