package reexec

import (
	"context"
	"fmt"
	"os"
)

// Supported tells whether Replace can work here.
const Supported = false

// Replace gives ErrUnsupported.
func Replace(Program, []*os.File) error { return ErrUnsupported }

// Adopt gives an error: nothing is inherited here.
func Adopt(fd int, name string) (*os.File, error) {
	return nil, fmt.Errorf("inherited file %d (%s): %w", fd, name, ErrUnsupported)
}

// Reap has nothing to do here.
func Reap(context.Context, []Child) []Child { return nil }

// Memory gives an error: nothing is passed on here.
func Memory([]byte) (*os.File, error) { return nil, ErrUnsupported }
