package launch

import (
	"context"
	"errors"
	"time"

	"multirunner/commands/state"
	"multirunner/common"
)

const (
	// sweepEvery is how often it is looked for what dead jobs left in container
	// engines: an engine may have been away when they died.
	sweepEvery = 5 * time.Minute
	// sweepAgain is when it is looked once more after a job died: what it had
	// asked its engine for last may be made after the first look.
	sweepAgain = 15 * time.Second
	// sweepLimit bounds one look. After it, the next one goes on.
	sweepLimit = 30 * time.Second
)

// sweepContainers removes what jobs left in the engines of these registrations.
func (l *Launcher) sweepContainers(runners []*common.RunnerConfig, alive func(job string) bool) error {
	if l.instance == "" || len(runners) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepLimit)
	defer cancel()
	var errs []error
	for _, provider := range l.o.Providers {
		if sweeper, ok := provider.(common.Sweeper); ok {
			errs = append(errs, sweeper.Sweep(ctx, common.Swept{Instance: l.instance, Runners: runners, Alive: alive}))
		}
	}
	return errors.Join(errs...)
}

// sweepAtStart removes the containers of all jobs that are not among the living
// leftovers, before the end of any is told. A new state directory has none.
func (l *Launcher) sweepAtStart(runners []*common.RunnerConfig, leftovers []state.Left) {
	kept := map[string]bool{}
	for _, left := range leftovers {
		// What cannot be read may live.
		if left.Alive || left.Claim == nil {
			kept[left.Key] = true
		}
	}
	l.mu.Lock()
	l.kept, l.runners = kept, runners
	l.mu.Unlock()
	if l.instanceMade {
		return
	}
	if err := l.sweepContainers(runners, func(job string) bool { return kept[job] }); err != nil {
		l.o.Log.WithError(err).Warn("Containers of dead jobs may be left; it is tried again")
	}
	l.sweepSoon()
}

// sweepSoon makes sweepOften look once more before long.
func (l *Launcher) sweepSoon() {
	select {
	case l.died <- struct{}{}:
	default:
	}
}

// sweepOften looks again and again until the launcher leaves.
func (l *Launcher) sweepOften() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var again <-chan time.Time
	for {
		select {
		case <-l.leaving:
			return
		case <-l.died:
			again = time.After(sweepAgain)
			continue
		case <-again:
			again = nil
		case <-tick.C:
		}
		l.mu.Lock()
		runners := l.runners
		l.mu.Unlock()
		if err := l.sweepContainers(runners, l.mayLive); err != nil {
			l.o.Log.WithError(err).Warn("Containers of dead jobs may be left; it is tried again")
		}
	}
}

// mayLive tells whether a job has, or may have, a process.
func (l *Launcher) mayLive(job string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live[job] != nil || l.kept[job]
}

// sweepContainers removes what this job left in its engine, once its process is
// gone.
func (b *build) sweepContainers() {
	if b.runner == nil {
		return
	}
	dead := b.claim.Key()
	err := b.l.sweepContainers([]*common.RunnerConfig{b.runner}, func(job string) bool { return job != dead })
	if err != nil {
		b.log.WithError(err).Error("Containers of the job may be left; it is tried again")
	}
	b.l.sweepSoon()
}
