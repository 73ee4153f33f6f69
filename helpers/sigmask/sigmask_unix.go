//go:build linux || darwin

package sigmask

import (
	"fmt"
	"runtime"
	"syscall"
)

// Block does something in a thread that blocks the signals, besides those that
// are blocked already.
func Block(signals []syscall.Signal, do func() error) error {
	var more set
	for _, s := range signals {
		more.add(s)
	}
	return with(how.block, &more, do)
}

// Clear does something in a thread that blocks no signal.
func Clear(do func() error) error { return with(how.replace, new(set), do) }

func with(how int, wanted *set, do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before set
	if err := change(how, wanted, &before); err != nil {
		return fmt.Errorf("signal mask: %w", err)
	}
	defer restore(&before)
	return do()
}

func restore(before *set) {
	if err := change(how.replace, before, nil); err != nil {
		panic(err) // what was the mask can be the mask
	}
}
