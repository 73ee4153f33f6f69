//go:build !linux

package process

import (
	"context"
	"errors"
	"fmt"
)

// SweepEnv cannot look into other processes on this system.
func SweepEnv(context.Context, string, string) (int, error) {
	return 0, fmt.Errorf("sweep processes by their environment: %w", errors.ErrUnsupported)
}
