//go:build !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

type cgroup struct {
	path  string
	tried chan struct{}
	spent atomic.Bool
}

func newCgroup(string) (*cgroup, error) {
	return nil, fmt.Errorf("make a cgroup: %w", errors.ErrUnsupported)
}

func (*cgroup) move(int) {}

func (*cgroup) close(context.Context) error { return nil }

// KillCgroup has nothing to do on this system: UseCgroup never succeeds.
func KillCgroup(context.Context, string) error { return nil }
