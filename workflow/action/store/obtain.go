package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"multirunner/helpers/flock"
)

// lookGap is the time between two looks at an entry that somebody makes.
const lookGap = 20 * time.Millisecond

// obtain holds the entry of a commit, which is fetched when it is not there.
func (s *Store) obtain(ctx context.Context, r *repository, ref, commit string) (*entry, error) {
	for _, scope := range r.scopes() {
		e, state, err := s.take(key{scope, r.identity(), commit})
		if err != nil || state == whole {
			return e, err
		}
		if e != nil {
			err = e.lock.Unlock()
		}
		if err != nil {
			return nil, err
		}
	}
	if s.options.Offline {
		return s.obtainOffline(r, commit)
	}
	var e *entry
	_, err := r.each(func(scope string) error {
		var err error
		e, err = s.obtainIn(ctx, r, key{scope, r.identity(), commit}, r.actions[ref])
		return err
	})
	return e, err
}

// obtainOffline takes what is there, as it is.
func (s *Store) obtainOffline(r *repository, commit string) (*entry, error) {
	for _, scope := range r.scopes() {
		e, _, err := s.take(key{scope, r.identity(), commit})
		if err != nil {
			return nil, err
		}
		if e != nil {
			s.row("%s at %s was changed by a job, and is used as it is: the offline mode is on", r.url, commit)
			return e, nil
		}
	}
	return nil, fmt.Errorf("the commit %s %w", commit, ErrOffline)
}

// take shares the lock of an entry that is there. A damaged one is given too,
// when it has a tree; of a missing one nothing is held. Somebody who makes or
// removes it leaves it missing.
func (s *Store) take(k key) (*entry, state, error) {
	if _, err := os.Stat(s.entryDir(k)); err != nil {
		return nil, missing, nil // without a lock that would be left behind
	}
	lock, err := flock.TryShared(s.lockFile(k))
	if errors.Is(err, flock.ErrLocked) {
		return nil, missing, nil
	}
	if err != nil {
		return nil, missing, fmt.Errorf("the action store: %w", err)
	}
	state, e, err := s.inspect(k)
	if err != nil || e == nil {
		return nil, state, errors.Join(err, lock.Unlock())
	}
	e.lock = lock
	e.touch()
	return e, state, nil
}

// obtainIn holds the entry of a key. Of those that want it at once, in any
// process, one fetches and the others wait. They wait for a shared lock that
// finds it there, not for the exclusive one: a job holds its own to its end.
func (s *Store) obtainIn(ctx context.Context, r *repository, k key, action string) (*entry, error) {
	start, told := time.Now(), false
	for {
		e, state, err := s.take(k)
		if err != nil || state == whole {
			return e, err
		}
		if e != nil {
			if time.Since(start) > s.mend {
				s.row("%s: a job that still runs has changed its files in the store, they are used as they are", action)
				return e, nil
			}
			if err := e.lock.Unlock(); err != nil {
				return nil, err
			}
		}
		lock, err := flock.TryLock(s.lockFile(k))
		switch {
		case err == nil:
			if err := s.makeOnce(ctx, r, k, lock, action); err != nil {
				return nil, err
			}
			continue
		case !errors.Is(err, flock.ErrLocked):
			return nil, fmt.Errorf("the action store: %w", err)
		}
		if !told && time.Since(start) > s.silence {
			told = true
			s.row("%s: another job fetches it, which is waited for", action)
		}
		if err := sleep(ctx, lookGap/2+rand.N(lookGap)); err != nil {
			return nil, err
		}
	}
}

// makeOnce makes an entry unless somebody else has done it since, and ends the
// exclusive lock.
func (s *Store) makeOnce(ctx context.Context, r *repository, k key, lock *flock.Lock, action string) error {
	state, _, err := s.inspect(k)
	if err == nil && state != whole {
		err = s.fetch(ctx, r, k, action)
	}
	if err != nil {
		// Nothing uses it, so that nothing is to be left of it.
		return errors.Join(err, removeLock(lock, s.lockFile(k)))
	}
	return lock.Unlock()
}
