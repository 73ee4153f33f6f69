package supervisor

import (
	"context"
	"errors"
	"time"
)

// StopRequest asks the supervisor to end.
type StopRequest int

const (
	// StopDrain (SIGQUIT): no new polls; what the polls in flight bring is
	// run; wait for all jobs without limit.
	StopDrain StopRequest = iota
	// StopTerminate (SIGTERM, SIGINT): as StopDrain, up to shutdown_timeout.
	// The second one cancels the jobs, the third one kills them.
	StopTerminate
	// StopCancelJobs cancels the jobs.
	StopCancelJobs
	// StopKillJobs kills the job processes.
	StopKillJobs
)

// Phase is how far the supervisor is. It only grows.
type Phase int32

const (
	Running          Phase = iota
	Draining               // no new polls, no limit
	DrainingForATime       // the same, up to shutdown_timeout
	Cancelling             // jobs are told to end; tasks that arrive are reported as failed
	Killing                // job processes are killed
)

func (p Phase) String() string {
	return [...]string{"running", "draining", "draining with a timeout", "cancelling jobs", "killing jobs"}[p]
}

// After is the phase that a request leads to.
func (p Phase) After(req StopRequest) Phase {
	switch req {
	case StopDrain:
		return max(p, Draining)
	case StopTerminate:
		return max(min(p+1, Killing), DrainingForATime)
	case StopCancelJobs:
		return max(p, Cancelling)
	}
	return Killing
}

const (
	// A job that was cancelled has this long: 5 minutes of grace, after one
	// more its build kills it, and after another one the supervisor leaves.
	cancelTimeout = 7 * time.Minute
	// What killed job processes may take to be gone.
	killTimeout = 10 * time.Second
)

// ErrKilled is Run's error when the job processes were killed: the next start
// closes their tasks.
var ErrKilled = errors.New("job processes were killed; the next start closes their tasks")

// watchStop is the actor that moves the phase: by requests, by time, and to
// Cancelling when the context given to Run is done.
func (s *Supervisor) watchStop(ctx context.Context, told context.Context) error {
	requests, toldDone := s.options.Stop, told.Done()
	var timeout <-chan time.Time
	for {
		phase := s.Phase()
		next := phase
		select {
		case <-ctx.Done():
			return nil
		case answer := <-s.leaves:
			err := s.leave()
			answer <- err
			if err == nil {
				return nil
			}
			continue
		case req, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			next = phase.After(req)
		case <-toldDone:
			toldDone = nil
			next = max(phase, Cancelling)
		case <-timeout:
			next = phase + 1
		}
		if next == phase {
			continue
		}
		timeout = nil
		if limit := s.limitOf(next); limit >= 0 {
			timeout = time.After(limit)
		}
		s.enter(next)
	}
}

// limitOf is how long a phase may last; negative means no limit.
func (s *Supervisor) limitOf(p Phase) time.Duration {
	switch p {
	case DrainingForATime:
		return settingsOf(s.config.Load()).shutdownTimeout
	case Cancelling:
		return cancelTimeout
	}
	return -1
}

// enter makes a phase known to everybody.
func (s *Supervisor) enter(next Phase) {
	phase := Phase(s.phase.Swap(int32(next)))
	s.log.WithField("phase", next.String()).Info(phaseLine(next))
	if phase < Cancelling && next >= Cancelling {
		close(s.cancelling)
	}
	if next == Killing {
		close(s.killing)
	}
	s.post(newPhase(next))
}

func phaseLine(p Phase) string {
	switch p {
	case Draining:
		return "Stopping: no new jobs are asked for; jobs that run, and those that are on their way, are waited for."
	case DrainingForATime:
		return "Stopping: no new jobs are asked for; jobs are waited for up to shutdown_timeout, then cancelled. A further signal cancels them now."
	case Cancelling:
		return "Cancelling the jobs. A further signal kills them."
	}
	return "Killing the job processes."
}

// newPhase tells the feeder of a phase.
type newPhase Phase

func (ev newPhase) apply(f *feeder, now time.Time) {
	f.phase = Phase(ev)
	if f.phase >= Cancelling {
		for _, j := range f.pending {
			if j.refuse == "" && j.build == nil {
				j.refuse = refusedByStop
			}
		}
	}
	if f.phase == Killing {
		f.deadline = now.Add(killTimeout)
	}
}

// finished tells whether the feeder may end: nothing polls, runs or waits, or
// what was killed has had its time.
func (f *feeder) finished(now time.Time) bool {
	if f.phase == Running && !f.left {
		return false
	}
	if f.phase == Killing && !now.Before(f.deadline) {
		return true
	}
	return f.slots.idle == f.slots.workers && len(f.pending) == 0
}
