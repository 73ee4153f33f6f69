package supervisor

import (
	"context"
	"errors"
	"time"
)

const (
	// How often it is looked at whether executors work on this machine: an
	// engine may start after the runner, or go away.
	executorsEvery   = time.Minute
	availableTimeout = 10 * time.Second
)

// watchExecutors is the actor that keeps the feeder's view of the executors
// right.
func (s *Supervisor) watchExecutors(ctx context.Context) error {
	ticker := time.NewTicker(executorsEvery)
	defer ticker.Stop()
	known := s.faults
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		faults := s.checkExecutors(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !sameFaults(faults, known) {
			known = faults
			s.post(executorFaults(faults))
		}
	}
}

// checkExecutors asks each executor whether it works here.
func (s *Supervisor) checkExecutors(ctx context.Context) map[string]error {
	faults := map[string]error{}
	for name, provider := range s.options.Providers {
		err := s.guarded(s.log.WithField("executor", name), func() error {
			ctx, cancel := context.WithTimeoutCause(ctx, availableTimeout, errors.New("no answer in time"))
			defer cancel()
			return provider.Available(ctx)
		})
		if err != nil {
			faults[name] = err
		}
	}
	return faults
}

func sameFaults(a, b map[string]error) bool {
	if len(a) != len(b) {
		return false
	}
	for name, err := range a {
		if b[name] == nil || b[name].Error() != err.Error() {
			return false
		}
	}
	return true
}
