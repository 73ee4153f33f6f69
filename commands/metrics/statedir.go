package metrics

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"multirunner/helpers/diskspace"
)

// stateSilence is after what time without an answer the state directory counts
// as hung.
const stateSilence = 4 * stateEvery

// probeName is the file that is written to see whether it can be.
const probeName = ".probe"

// StateDir looks in the background whether a state directory can be written
// to, and how much room there is.
type StateDir struct {
	root    string
	last    atomic.Pointer[look]
	started time.Time
}

// look is what the last look has found.
type look struct {
	at  time.Time
	err error
}

// NewStateDir makes a StateDir; its Source looks.
func NewStateDir(root string) *StateDir { return &StateDir{root: root, started: time.Now()} }

// Source gives the source that looks.
func (d *StateDir) Source() Source {
	free := newFamily("state_disk_free_bytes", "", "Free disk space for the state directory.")
	usable := newFamily("state_directory_usable", "", "Whether the state directory can be written to.")
	return Source{
		Name: "state", Every: stateEvery, Families: []*Family{free, usable},
		Collect: func(context.Context) ([]Gauge, error) {
			err := d.probe()
			d.last.Store(&look{at: time.Now(), err: err})
			room, freeErr := diskspace.Free(d.root)
			if freeErr != nil {
				return nil, fmt.Errorf("free space of %s: %w", d.root, freeErr)
			}
			value := 1.0
			if err != nil {
				value = 0
			}
			return []Gauge{{Family: free, Value: float64(room)}, {Family: usable, Value: value}}, nil
		},
	}
}

// probe writes a file and removes it.
func (d *StateDir) probe() error {
	path := filepath.Join(d.root, probeName)
	if err := os.WriteFile(path, []byte("written to see whether this directory can be written to\n"), 0o600); err != nil {
		return err
	}
	return os.Remove(path)
}

// Trouble gives what is wrong with the directory as far as it is known, or
// nil. It does not touch the disk.
func (d *StateDir) Trouble() error {
	last := d.last.Load()
	since := d.started
	if last != nil {
		if last.err != nil {
			return fmt.Errorf("state directory: %w", last.err)
		}
		since = last.at
	}
	if silent := time.Since(since); silent > stateSilence {
		return fmt.Errorf("state directory %s: no answer for %s", d.root, silent.Round(time.Second))
	}
	return nil
}
