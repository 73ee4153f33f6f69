package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// KillNamespace ends, with SIGKILL, every other process of the PID namespace
// whose first process this is, also those that somebody outside has started in
// it. It returns when they are gone, and names what does not go within 10 s or
// until ctx is done. In any other process it gives errors.ErrUnsupported and
// does nothing.
func KillNamespace(ctx context.Context) error {
	self := os.Getpid()
	if self != 1 {
		return fmt.Errorf("end the processes of the PID namespace: this is not its first one: %w", errors.ErrUnsupported)
	}
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	left, err := untilGone(ctx, func() ([]Info, error) {
		all, err := listProcs()
		if err != nil {
			return nil, err
		}
		var left []Info
		for _, p := range all {
			if p.pid == self || p.dead() {
				continue
			}
			denied := errors.Is(killExactly(p.pid, p.start), unix.EPERM)
			left = append(left, Info{PID: p.pid, Name: p.name, start: p.start, denied: denied})
		}
		if len(left) > 0 {
			// What was started since the list was made goes with the rest.
			_ = unix.Kill(-1, unix.SIGKILL)
		}
		return left, nil
	})
	if err != nil {
		return fmt.Errorf("end the processes of the PID namespace: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("these processes did not end: %s", describe(left))
	}
	return nil
}
