package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestALeavingSupervisorWaitsForPollsRunsWhatTheyBringAndLeavesTheJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, late := slowFetch(t) // a poll is in flight that brings a job
		polls := len(s.polls("uuid-a"))
		var told []Unsettled
		if err := w.supervisor.Hold(t.Context(), func(u Unsettled) { told = append(told, u) }); err != nil {
			t.Fatal(err)
		}
		if len(told) == 0 || told[0] != (Unsettled{Polls: 1}) {
			t.Errorf("told %+v", told)
		}
		if w.startOf(s, late).IsZero() {
			t.Error("what the poll brought is not started")
		}
		next := s.submit("uuid-a", 1)[0]
		time.Sleep(time.Minute) // a free slot, and work
		if n := len(s.polls("uuid-a")); n != polls {
			t.Errorf("%d polls while it holds", n-polls)
		}
		if status, err := w.supervisor.Snapshot(t.Context()); err != nil || len(status.Jobs) != 2 {
			t.Errorf("jobs %+v, %v", status.Jobs, err)
		}
		if err := w.supervisor.Leave(); err != nil {
			t.Fatal(err)
		}
		w.stop <- StopTerminate // for whoever comes next
		if err := <-w.ended; !errors.Is(err, ErrLeft) {
			t.Errorf("Run = %v, want ErrLeft", err)
		}
		if w.stopped() != 0 || w.runningNow() != 2 || len(w.stop) != 1 || !w.startOf(s, next).IsZero() {
			t.Errorf("%d jobs were stopped, %d run, %d stops are left", w.stopped(), w.runningNow(), len(w.stop))
		}
		if err := w.supervisor.Leave(); !errors.Is(err, ErrNotRunning) {
			t.Errorf("a second Leave: %v", err)
		}
		time.Sleep(time.Hour)
		_ = running
	})
}

func TestAHoldThatIsGivenUpLetsPollsGoOn(t *testing.T) {
	cause := errors.New("no more patience")
	for _, test := range []struct {
		name string
		hold func(w *world, ctx context.Context) error
		want error
	}{
		{"patience", func(w *world, ctx context.Context) error {
			ctx, cancel := context.WithTimeoutCause(ctx, time.Second, cause)
			defer cancel()
			return w.supervisor.Hold(ctx, nil)
		}, cause},
		{"release", func(w *world, ctx context.Context) error {
			defer w.supervisor.Release()
			return w.supervisor.Hold(ctx, nil)
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, _, late := slowFetch(t)
				if err := test.hold(w, t.Context()); !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				next := s.submit("uuid-a", 1)[0]
				time.Sleep(time.Minute)
				if w.startOf(s, late).IsZero() || w.startOf(s, next).IsZero() {
					t.Error("jobs are not fetched any more")
				}
				if err := w.end(StopDrain); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestAStopComesBeforeAHoldOrALeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := slowFetch(t)
		held := make(chan error, 1)
		go func() { held <- w.supervisor.Hold(t.Context(), nil) }()
		time.Sleep(time.Second)
		w.stop <- StopDrain
		if err := <-held; !errors.Is(err, ErrStopping) {
			t.Errorf("Hold = %v", err)
		}
		if err := w.supervisor.Leave(); !errors.Is(err, ErrStopping) {
			t.Errorf("Leave = %v", err)
		}
		if err := <-w.ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := w.supervisor.Hold(t.Context(), nil); !errors.Is(err, ErrStopping) {
			t.Errorf("Hold after the end = %v", err)
		}
	})
}

func TestAHoldWaitsForJobsThatAreBeingStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 41)
		s := w.server("one.example")
		w.register(s, "a")
		w.starter = func(StartRequest) (Build, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("no")
		}
		w.run()
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Second)
		var told []Unsettled
		began := time.Now()
		if err := w.supervisor.Hold(t.Context(), func(u Unsettled) { told = append(told, u) }); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(told) != fmt.Sprint([]Unsettled{{Starting: 1}}) || time.Since(began) < time.Second || w.rowOf(s, id) == "" {
			t.Errorf("told %+v, after %s; row %q", told, time.Since(began), w.rowOf(s, id))
		}
		w.supervisor.Release()
		w.end(StopDrain)
	})
}

// A herd of polls would meet the servers after every upgrade otherwise.
func TestAnAdoptingSupervisorSpreadsItsFirstPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 42)
		w.config.Concurrent = 50
		s := w.server("one.example")
		for i := range 200 {
			w.register(s, fmt.Sprintf("r%d", i))
		}
		build := &stubbornBuild{done: make(chan struct{})}
		w.run(func(o *Options) {
			o.Adopted = []Adopted{{Runner: w.config.Runners[0], TaskID: 1, Build: build}}
		})
		time.Sleep(time.Second)
		if n := s.asked(); n > 2*int(w.config.Polling.RequestsPerSecond) {
			t.Errorf("%d requests in the first second", n)
		}
		close(build.done)
		w.end(StopDrain)
	})
}
