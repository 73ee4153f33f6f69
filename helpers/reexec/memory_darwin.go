package reexec

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Memory gives a file with data in it that is on no disk. A pipe holds some 64
// KiB, and more is an error.
func Memory(data []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("memory to pass on: %w", err)
	}
	err = w.SetWriteDeadline(time.Now().Add(time.Second)) // a full pipe takes no more
	if err == nil {
		_, err = w.Write(data)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("memory to pass on: %w", err), r.Close())
	}
	return r, nil
}
