package supervisor

import (
	"context"
	"time"

	"multirunner/common"
)

// fewNames is how many registrations the log names one by one.
const fewNames = 10

// SetPaused makes these the registrations that are not polled, and no others,
// whether they are in the configuration or come into it later. When it
// returns, none of them begins another poll; polls in flight end as they do,
// and what they bring is run. The error is ErrNotRunning when there is no
// supervisor to tell, or ctx's.
func (s *Supervisor) SetPaused(ctx context.Context, ids []common.RegistrationID) error {
	ev := pause{ids: idSet(ids), applied: make(chan struct{})}
	select {
	case s.events <- ev:
	case <-s.done:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-ev.applied:
		return nil
	case <-s.done:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
}

func idSet(ids []common.RegistrationID) map[common.RegistrationID]bool {
	set := make(map[common.RegistrationID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// pause makes the feeder use a set of paused registrations.
type pause struct {
	ids     map[common.RegistrationID]bool
	applied chan struct{}
}

func (ev pause) apply(f *feeder, now time.Time) {
	defer close(ev.applied)
	f.paused = ev.ids
	var paused, resumed, soon []*registration
	for id, r := range f.registrations {
		if r.paused == f.paused[id] {
			continue
		}
		r.paused = f.paused[id]
		switch {
		case r.paused:
			paused = append(paused, r)
		case r.retry == nil && r.health != HealthUnregistered:
			resumed, soon = append(resumed, r), append(soon, r)
			continue
		default: // one that waits after an error has a reason to
			resumed = append(resumed, r)
		}
		f.settle(r, now)
	}
	f.resume(soon, now)
	f.tellChange(paused, "paused: not polled; jobs go on.")
	f.tellChange(resumed, "resumed.")
}

// tellChange logs what has become of registrations, each by name if they are
// few.
func (f *feeder) tellChange(changed []*registration, what string) {
	if len(changed) > fewNames {
		f.log.WithField("registrations", len(changed)).Infof("Registrations are %s", what)
		return
	}
	for _, r := range changed {
		f.logFor(r.entry).Infof("Registration is %s", what)
	}
}

// resume gives registrations a turn: a single one at once, many not all at the
// same time. One whose poll is still in flight is settled by its report.
func (f *feeder) resume(resumed []*registration, now time.Time) {
	if len(resumed) > 1 {
		f.spreadOut(resumed, now)
		return
	}
	for _, r := range resumed {
		f.dueAt(r, now, 0)
		f.settle(r, now)
	}
}
