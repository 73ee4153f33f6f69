package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"multirunner/common"
)

// cancelGrace is how long a cancelled job may go on with always() and post
// steps before it is killed (GitHub: cancel-timeout-minutes).
const cancelGrace = 5 * time.Minute

// Why the context of a step ended, besides common.ErrKill.
var (
	errCancelled   = errors.New("the job was cancelled")
	errShutdown    = errors.New("the runner is shutting down")
	errStepTimeout = errors.New("the step has timed out")
)

// stopper knows who wants the job to end, and how hard. Safe for concurrent use.
type stopper struct {
	// dead is done when the job is killed.
	dead context.Context
	// ends is done when nothing may go on: killed, or the runner leaves. Its
	// cause tells which came first. Steps run below it.
	ends context.Context
	// cancels is done when the job is cancelled. It ends no step by itself: the
	// running step's condition decides.
	cancels context.Context

	kill, leave, cancel context.CancelCauseFunc

	mu     sync.Mutex
	first  map[common.StopReason]bool // reasons that were given
	expiry time.Duration              // the job's timeout when that cancelled it
	timers []*time.Timer
	over   bool // the job has ended, timers must not be started any more
}

func newStopper() *stopper {
	s := &stopper{first: make(map[common.StopReason]bool, 3)}
	s.dead, s.kill = context.WithCancelCause(context.Background())
	s.ends, s.leave = context.WithCancelCause(s.dead)
	s.cancels, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// note takes a reason and tells whether it is new.
func (s *stopper) note(reason common.StopReason) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.first[reason] {
		return false
	}
	s.first[reason] = true
	return true
}

// expire takes the job's timeout as the reason to cancel and tells whether it
// is the first one.
func (s *stopper) expire(after time.Duration) bool {
	if !s.note(common.StopServer) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expiry = after
	return true
}

// after calls f when d has passed and the job has not ended by then.
func (s *stopper) after(d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.timers = append(s.timers, time.AfterFunc(d, f))
	}
}

// done stops the timers and makes later stops mean nothing. It gives the
// contexts' resources back.
func (s *stopper) done() {
	s.mu.Lock()
	s.over = true
	for _, t := range s.timers {
		t.Stop()
	}
	s.mu.Unlock()
	s.kill(nil)
	s.cancel(nil)
}

// leaving tells whether the rest of the job is skipped without a look at
// conditions.
func (s *stopper) leaving() bool { return s.ends.Err() != nil }

// cancelled tells whether the job is cancelled, by the server or its timeout.
func (s *stopper) cancelled() bool { return s.cancels.Err() != nil }

// killed tells whether nothing but clean-up may be done.
func (s *stopper) killed() bool { return errors.Is(context.Cause(s.dead), common.ErrKill) }

// strongest gives the strongest reason that was given, "" for none.
func (s *stopper) strongest() common.StopReason {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, reason := range []common.StopReason{common.StopKill, common.StopShutdown, common.StopServer} {
		if s.first[reason] {
			return reason
		}
	}
	return ""
}

// verdict gives the job's result after a stop, "" without one: the server's
// cancellation stays one also when its grace ends in a kill.
func (s *stopper) verdict() result {
	switch s.strongest() {
	case "":
		return ""
	case common.StopServer:
		return cancelled
	}
	return failure
}

// reason is the strongest reason in words for operators, "" for none.
func (s *stopper) reason() string {
	switch s.strongest() {
	case common.StopKill:
		return "killed"
	case common.StopShutdown:
		return "ended by the runner's shutdown"
	case common.StopServer:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.expiry > 0 {
			return "cancelled after its timeout of " + s.expiry.String()
		}
		return "cancelled by the server"
	}
	return ""
}

// untilCancelled gives a context that ends with the job and when the job is
// cancelled. The caller calls the function when it is done.
func (s *stopper) untilCancelled() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(s.ends)
	unhook := context.AfterFunc(s.cancels, func() { cancel(errCancelled) })
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}
