package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"multirunner/helpers/flock"
	"multirunner/helpers/rmtree"
)

// temp is a directory of one process, known to be living by its lock.
type temp struct {
	dir  string
	lock *flock.Lock
	file string // of the lock
}

const lockSuffix = ".lock"

func (s *Store) newTemp() (*temp, error) {
	for {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails
		dir := s.path("temp", hex.EncodeToString(random[:]))
		lock, err := flock.TryLock(dir + lockSuffix)
		if errors.Is(err, flock.ErrLocked) {
			continue // swept between its making and its locking
		}
		if err != nil {
			return nil, fmt.Errorf("the action store: %w", err)
		}
		t := &temp{dir, lock, dir + lockSuffix}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.remove()
			return nil, fmt.Errorf("the action store: %w", err)
		}
		return t, nil
	}
}

// remove removes the directory. What cannot be removed is for a later sweep.
func (t *temp) remove() error {
	err := rmtree.Remove(t.dir)
	if err != nil {
		return errors.Join(err, t.lock.Unlock())
	}
	return removeLock(t.lock, t.file)
}

// removeLock removes the file of a lock that is held exclusively, and ends it.
func removeLock(lock *flock.Lock, file string) error {
	if runtime.GOOS == "windows" {
		// An open file cannot be removed there. When somebody has it open by
		// now, it stays.
		err := lock.Unlock()
		_ = os.Remove(file)
		return err
	}
	return errors.Join(os.Remove(file), lock.Unlock())
}

// sweep removes what processes have left that are no more. Each Store does it
// once.
func (s *Store) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swept {
		return
	}
	s.swept = true
	files, err := os.ReadDir(s.path("temp"))
	if err != nil {
		s.log.WithError(err).Warn("The action store's temporary directory cannot be read")
		return
	}
	seen := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), lockSuffix)
		if seen[name] {
			continue
		}
		seen[name] = true
		dir := s.path("temp", name)
		lock, err := flock.TryLock(dir + lockSuffix)
		if err != nil {
			continue // its owner lives
		}
		if err := (&temp{dir, lock, dir + lockSuffix}).remove(); err != nil {
			s.log.WithError(err).Warn("What a dead process left in the action store cannot be removed")
		}
	}
}
