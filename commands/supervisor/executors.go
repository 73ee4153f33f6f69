package supervisor

import (
	"context"
	"errors"
	"time"

	"multirunner/common"
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

// checkExecutors asks each executor whether it works here, in every place that
// a registration names. The answers are by faultKey.
func (s *Supervisor) checkExecutors(ctx context.Context) map[string]error {
	faults := map[string]error{}
	for name, provider := range s.options.Providers {
		for key, available := range s.questions(provider) {
			err := s.guarded(s.log.WithField("executor", name), func() error {
				ctx, cancel := context.WithTimeoutCause(ctx, availableTimeout, errors.New("no answer in time"))
				defer cancel()
				return available(ctx)
			})
			if err != nil {
				faults[key] = err
			}
		}
	}
	return faults
}

// questions are whether an executor works, for each place that there is.
func (s *Supervisor) questions(provider common.ExecutorProvider) map[string]func(context.Context) error {
	located, ok := provider.(common.Located)
	if !ok {
		return map[string]func(context.Context) error{provider.Name(): provider.Available}
	}
	questions := map[string]func(context.Context) error{}
	for _, runner := range s.config.Load().Runners {
		place := located.Place(runner)
		questions[faultKey(provider, runner)] = func(ctx context.Context) error { return located.AvailableAt(ctx, place) }
	}
	return questions
}

// faultKey is under which key a registration finds whether an executor works.
func faultKey(provider common.ExecutorProvider, runner *common.RunnerConfig) string {
	if located, ok := provider.(common.Located); ok {
		return provider.Name() + " " + located.Place(runner)
	}
	return provider.Name()
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
