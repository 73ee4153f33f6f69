package shell

import (
	"context"
	"fmt"
)

// WriteTemp implements common.Executor.
func (e *Executor) WriteTemp(_ context.Context, name string, data []byte) (string, error) {
	temp, err := e.opened()
	if err != nil {
		return "", fmt.Errorf("write %q below the temp directory: %w", name, err)
	}
	return temp.Write(name, data)
}

// ReadTemp implements common.Executor.
func (e *Executor) ReadTemp(_ context.Context, name string, limit int64) ([]byte, error) {
	temp, err := e.opened()
	if err != nil {
		return nil, fmt.Errorf("read %q below the temp directory: %w", name, err)
	}
	return temp.Read(name, limit)
}
