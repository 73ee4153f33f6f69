// Package flock locks files between processes. A lock belongs to the open
// file: it ends when the last process that has the file open closes it or
// dies, so a crash never leaves one behind.
package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrLocked means that somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// retryGap is the time between two looks at a lock that somebody holds. A
// blocking flock call could not be ended by a context.
const retryGap = 20 * time.Millisecond

// Lock is a held lock.
type Lock struct{ file *os.File }

// TryLock opens or creates (0600) the file and locks it exclusively. When
// somebody else holds it, in this process or another, the error satisfies
// errors.Is(err, ErrLocked). The content of the file is not touched and stays
// readable for others.
func TryLock(path string) (*Lock, error) { return try(path, exclusive) }

// TryShared is TryLock for a lock that any number of holders have together,
// while nobody has it exclusively. A shared lock is not made exclusive, nor the
// other way round: release the one and try the other.
func TryShared(path string) (*Lock, error) { return try(path, shared) }

// mode is how a lock is held.
type mode int

const (
	exclusive mode = iota
	shared
)

func try(path string, m mode) (*Lock, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := tryLock(file, m); err != nil {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if isAt(file, path) {
			return &Lock{file}, nil
		}
		// Whoever held it has removed or replaced the file meanwhile: what we
		// locked is not what the next one will find there.
		file.Close()
	}
}

// LockContext waits for the lock until ctx is done; its error is then ctx's cause.
func LockContext(ctx context.Context, path string) (*Lock, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-timer.C:
		}
		lock, err := TryLock(path)
		if !errors.Is(err, ErrLocked) {
			return lock, err
		}
		timer.Reset(retryGap)
	}
}

// FromFile adopts an open file that a parent passed on with its lock. It does
// not lock: the open file is shared, so the lock is there already.
func FromFile(file *os.File) *Lock { return &Lock{file} }

// File gives the open file, to pass on to a child process or to write to. It
// stays the Lock's own: do not close it.
func (l *Lock) File() *os.File { return l.file }

// Unlock releases the lock for everybody who shares the open file, and closes
// it here.
func (l *Lock) Unlock() error {
	return errors.Join(unlock(l.file), l.file.Close())
}

// Close closes the file here only: a child that was given it keeps the lock.
// With nobody else the lock ends.
func (l *Lock) Close() error { return l.file.Close() }

func isAt(file *os.File, path string) bool {
	ours, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}
