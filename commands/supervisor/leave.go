package supervisor

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrLeft is Run's error after Leave.
	ErrLeft = errors.New("the supervisor has left its jobs to the next one")
	// ErrStopping is why a supervisor does not leave: it was told to stop.
	ErrStopping = errors.New("the runner is stopping")
)

// holdLook is how often Hold looks whether it may return.
const holdLook = 20 * time.Millisecond

// Unsettled is what a supervisor has on its way: only it can finish that.
type Unsettled struct {
	Polls    int // in flight
	Waiting  int // tasks that wait for a slot
	Starting int // jobs that are being started, or reported as not started
}

// Hold keeps turns from being given, and returns when every poll in flight has
// ended and what they brought is started; none is cancelled. Jobs go on, and
// use no more slots. tell, which may be nil, gets what is waited for, whenever
// that changes. The error is ErrStopping, ErrNotRunning or ctx's cause; turns
// are given again then, as after Release.
func (s *Supervisor) Hold(ctx context.Context, tell func(Unsettled)) (err error) {
	defer func() {
		if err != nil {
			s.Release()
		}
	}()
	look := time.NewTicker(holdLook)
	defer look.Stop()
	var told Unsettled
	for {
		if s.Phase() != Running {
			return ErrStopping
		}
		ask := hold(make(chan Unsettled, 1))
		select {
		case s.events <- ask:
		case <-s.done:
			return ErrNotRunning
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var now Unsettled
		select {
		case now = <-ask:
		case <-s.done:
			return ErrNotRunning
		}
		if now == (Unsettled{}) {
			return nil
		}
		if now != told && tell != nil {
			tell(now)
		}
		told = now
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Release ends what Hold began.
func (s *Supervisor) Release() { s.post(release{}) }

// Leave makes Run return ErrLeft, after a successful Hold: jobs go on, and are
// for the next supervisor to adopt. The error is ErrStopping when a stop came
// first, or ErrNotRunning; nothing has changed then. A stop that comes later
// stays in its channel.
func (s *Supervisor) Leave() error {
	answer := make(chan error, 1)
	select {
	case s.leaves <- answer:
		return <-answer
	case <-s.done:
		return ErrNotRunning
	}
}

// leave answers Leave; the actor that moves the phase does it.
func (s *Supervisor) leave() error {
	if s.Phase() != Running {
		return ErrStopping
	}
	close(s.leaving)
	s.post(left{})
	return nil
}

// left tells whether Leave has ended the supervisor.
func (s *Supervisor) left() bool {
	select {
	case <-s.leaving:
		return true
	default:
		return false
	}
}

type hold chan Unsettled

func (ev hold) apply(f *feeder, _ time.Time) {
	f.held = true
	now := Unsettled{Polls: len(f.inFlight), Waiting: len(f.pending)}
	for j := range f.building {
		if j.starting() {
			now.Starting++
		}
	}
	ev <- now
}

type release struct{}

func (release) apply(f *feeder, _ time.Time) { f.held = false }

type left struct{}

func (left) apply(f *feeder, _ time.Time) { f.left = true }
