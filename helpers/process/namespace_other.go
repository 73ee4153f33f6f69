//go:build !linux

package process

import (
	"context"
	"errors"
	"fmt"
)

// KillNamespace is for Linux only.
func KillNamespace(context.Context) error {
	return fmt.Errorf("end the processes of the PID namespace: %w", errors.ErrUnsupported)
}
