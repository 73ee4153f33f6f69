package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"multirunner/helpers/backoff"
	"multirunner/workflow/action/gitpack"
	"multirunner/workflow/action/gitwire"
)

const (
	maxPause      = 10 * time.Second
	maxRetryAfter = 30 * time.Second // of what a server asks for
)

// temporary tells whether the same may succeed in a while.
func temporary(err error) bool {
	var file *fs.PathError
	switch {
	case errors.Is(err, gitpack.ErrMalformed):
		return true // cut or changed on its way
	case errors.Is(err, gitpack.ErrLimit), errors.Is(err, gitpack.ErrRefused), errors.Is(err, gitpack.ErrMissing), errors.As(err, &file):
		return false
	}
	return gitwire.Temporary(err)
}

// retry does something up to three times, in one of the Store's slots. name is
// what rows call it.
func (s *Store) retry(ctx context.Context, name string, do func() error) error {
	pauses := backoff.New(s.pause, maxPause, 0.2, rand.Float64)
	for n := 1; ; n++ {
		err := s.inSlot(ctx, do)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil || !temporary(err) {
			return err
		}
		if n == attempts {
			return fmt.Errorf("%w (%d attempts)", err, n)
		}
		pause := pauses.Next()
		var status *gitwire.StatusError
		if errors.As(err, &status) && status.RetryAfter > pause {
			pause = min(status.RetryAfter, maxRetryAfter)
		}
		s.row("%s: %v; it is tried again in %s", name, err, pause.Round(100*time.Millisecond))
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (s *Store) inSlot(ctx context.Context, do func() error) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-s.slots }()
	return do()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
