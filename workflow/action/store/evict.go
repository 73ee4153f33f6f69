package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"multirunner/helpers/flock"
)

// memoLife is how long what a ref led to is kept after its last use.
const memoLife = 90 * 24 * time.Hour

// lockLife is how old a lock without an entry must be to be removed.
const lockLife = time.Hour

// resident is an entry as eviction sees it.
type resident struct {
	name  string
	used  time.Time
	bytes int64
}

// evict removes the entries that were used longest ago until the rest fits the
// limit, or all that is left is in use. One process does it at a time.
func (s *Store) evict() {
	lock, err := flock.TryLock(s.path("evict.lock"))
	if err != nil {
		return // somebody is at it
	}
	defer lock.Unlock()
	s.evictMemos()
	list, sum, err := s.residents()
	if err != nil {
		s.log.WithError(err).Warn("The action store cannot be looked through")
		return
	}
	s.evictLocks(list)
	if s.options.MaxBytes <= 0 || sum <= s.options.MaxBytes {
		return
	}
	slices.SortFunc(list, func(a, b resident) int { return a.used.Compare(b.used) })
	removed := 0
	for _, r := range list {
		if sum <= s.options.MaxBytes {
			break
		}
		gone, err := s.evictOne(r)
		if err != nil {
			s.log.WithError(err).WithField("entry", r.name).Warn("An entry of the action store cannot be removed")
		}
		if gone {
			removed++
			sum -= r.bytes
		}
	}
	entry := s.log.WithField("removed", removed).WithField("bytes", sum).WithField("limit", s.options.MaxBytes)
	if sum > s.options.MaxBytes {
		entry.Warn("The action store is larger than its limit: what is left is in use")
		return
	}
	entry.Info("Entries of the action store were removed to keep its limit")
}

// residents lists all entries. One that cannot be read has no size and was
// used at the beginning of time, so that it goes first.
func (s *Store) residents() ([]resident, int64, error) {
	files, err := os.ReadDir(s.path("entries"))
	if err != nil {
		return nil, 0, err
	}
	var list []resident
	var sum int64
	for _, file := range files {
		r := resident{name: file.Name()}
		about := metaFile(s.path("entries", r.name))
		if m, err := readMeta(about); err == nil {
			r.bytes = m.Bytes
		}
		if info, err := os.Stat(about); err == nil {
			r.used = info.ModTime()
		}
		sum += r.bytes
		list = append(list, r)
	}
	return list, sum, nil
}

// evictOne removes an entry that nobody uses and that was not used since it
// was listed.
func (s *Store) evictOne(r resident) (bool, error) {
	file := s.path("locks", r.name)
	lock, err := flock.TryLock(file)
	if errors.Is(err, flock.ErrLocked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	dir := s.path("entries", r.name)
	if info, err := os.Stat(metaFile(dir)); err == nil && info.ModTime().After(r.used) {
		return false, lock.Unlock()
	}
	t, err := s.newTemp()
	if err != nil {
		return false, errors.Join(err, lock.Unlock())
	}
	if err := os.Rename(dir, filepath.Join(t.dir, "old")); err != nil {
		return false, errors.Join(err, t.remove(), lock.Unlock())
	}
	// From here on it is gone for everybody.
	return true, errors.Join(removeLock(lock, file), t.remove())
}

// evictLocks removes locks of entries that are no more: of fetches that failed
// in a process that died.
func (s *Store) evictLocks(list []resident) {
	files, err := os.ReadDir(s.path("locks"))
	if err != nil {
		return
	}
	there := map[string]bool{}
	for _, r := range list {
		there[r.name] = true
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || there[file.Name()] || time.Since(info.ModTime()) < lockLife {
			continue
		}
		path := s.path("locks", file.Name())
		if lock, err := flock.TryLock(path); err == nil {
			_ = removeLock(lock, path) // the next one tries again
		}
	}
}

// evictMemos forgets what refs led to that nobody has used for long.
func (s *Store) evictMemos() {
	files, err := os.ReadDir(s.path("refs"))
	if err != nil {
		return
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && time.Since(info.ModTime()) > memoLife {
			_ = os.Remove(s.path("refs", file.Name())) // the next one tries again
		}
	}
}
