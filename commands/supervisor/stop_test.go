package supervisor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

func TestRequestsLeadThroughThePhases(t *testing.T) {
	for _, c := range []struct {
		requests []StopRequest
		want     []Phase
	}{
		{[]StopRequest{StopDrain, StopDrain}, []Phase{Draining, Draining}},
		{[]StopRequest{StopTerminate, StopTerminate, StopTerminate, StopTerminate}, []Phase{DrainingForATime, Cancelling, Killing, Killing}},
		{[]StopRequest{StopDrain, StopTerminate, StopTerminate}, []Phase{Draining, DrainingForATime, Cancelling}},
		{[]StopRequest{StopTerminate, StopDrain}, []Phase{DrainingForATime, DrainingForATime}},
		{[]StopRequest{StopCancelJobs, StopDrain, StopTerminate}, []Phase{Cancelling, Cancelling, Killing}},
		{[]StopRequest{StopKillJobs, StopDrain}, []Phase{Killing, Killing}},
	} {
		phase := Running
		for i, req := range c.requests {
			if phase = phase.After(req); phase != c.want[i] {
				t.Errorf("%v: after request %d %s, want %s", c.requests, i, phase, c.want[i])
			}
		}
	}
}

// slowFetch is a world where a poll is in flight that brings a task, and a job
// runs.
func slowFetch(t *testing.T) (w *world, s *fakeServer, running, late int64) {
	w = newWorld(t, 30)
	w.config.Concurrent = 3
	w.duration = func(*runnerv1.Task) time.Duration { return 5 * time.Minute }
	s = w.server("one.example")
	w.register(s, "a")
	w.run()
	time.Sleep(10 * time.Second)
	running = s.submit("uuid-a", 1)[0]
	time.Sleep(5 * time.Second)
	s.set(func() { s.latency = func() time.Duration { return 8 * time.Second } })
	for s.openNow() == 0 {
		time.Sleep(100 * time.Millisecond)
	}
	late = s.submit("uuid-a", 1)[0]
	return w, s, running, late
}

func TestWhatAPollBringsWhileDrainingIsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, late := slowFetch(t)
		polls := len(s.polls("uuid-a"))
		stopped := time.Now()
		if err := w.end(StopDrain); err != nil {
			t.Error(err)
		}
		if w.startOf(s, late).IsZero() || w.stopped() != 0 {
			t.Errorf("late task started %v, %d stops: want it run to its end", w.startOf(s, late), w.stopped())
		}
		if took := time.Since(stopped); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("draining took %s, want until the late job's end", took)
		}
		if n := len(s.polls("uuid-a")); n != polls {
			t.Errorf("%d polls started after the stop", n-polls)
		}
		_ = running
	})
}

func TestTerminationCancelsJobsAfterTheShutdownTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, _ := slowFetch(t)
		w.use(func(c *common.Config) { c.ShutdownTimeout = common.Duration(time.Minute) })
		stopped := time.Now()
		if err := w.end(StopTerminate); err != nil {
			t.Error(err)
		}
		if took := time.Since(stopped); took.Round(time.Second) != time.Minute {
			t.Errorf("took %s, want the shutdown timeout of a minute", took)
		}
		if got := w.stopsOf(s, running); !slices.Equal(got, []common.StopReason{common.StopShutdown}) {
			t.Errorf("the job was told %v, want shutdown", got)
		}
	})
}

func TestWhatAPollBringsWhileCancellingIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, late := slowFetch(t)
		if err := w.end(StopCancelJobs); err != nil {
			t.Error(err)
		}
		if row := w.rowOf(s, late); row != refusedByStop || !w.startOf(s, late).IsZero() {
			t.Errorf("late task: row %q, started %v; want it reported and not started", row, w.startOf(s, late))
		}
		if got := w.stopsOf(s, running); !slices.Equal(got, []common.StopReason{common.StopShutdown}) {
			t.Errorf("the job was told %v, want shutdown", got)
		}
	})
}

func TestTheEndOfTheContextCancelsTheJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 31)
		s := w.server("one.example")
		w.register(s, "a")
		id := s.submit("uuid-a", 1)[0]
		ctx, cancel := context.WithCancel(t.Context())
		sup := w.make()
		go func() { w.ended <- sup.Run(ctx) }()
		time.Sleep(10 * time.Second)
		cancel()
		if err := <-w.ended; err != nil {
			t.Error(err)
		}
		if got := w.stopsOf(s, id); len(got) != 1 {
			t.Errorf("stops %v", got)
		}
	})
}

func TestKillingDoesNotWaitForWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 32)
		w.config.Concurrent = 2
		s := w.server("one.example")
		w.register(s, "a")
		stuck := &stubbornBuild{done: make(chan struct{})}
		w.starter = func(StartRequest) (Build, error) { return stuck, nil }
		w.run()
		s.submit("uuid-a", 1)
		time.Sleep(10 * time.Second)
		w.stop <- StopTerminate
		w.stop <- StopTerminate
		time.Sleep(time.Second)
		killed := time.Now()
		err := w.end(StopTerminate)
		if !errors.Is(err, ErrKilled) {
			t.Errorf("Run = %v, want ErrKilled", err)
		}
		if took := time.Since(killed); took > 11*time.Second {
			t.Errorf("took %s", took)
		}
		if want := []common.StopReason{common.StopShutdown, common.StopKill}; !slices.Equal(stuck.reasons(), want) {
			t.Errorf("the job was told %v, want %v", stuck.reasons(), want)
		}
		close(stuck.done)
	})
}

// stubbornBuild ends when the test says so.
type stubbornBuild struct {
	done chan struct{}
	mu   sync.Mutex
	told []common.StopReason
}

func (b *stubbornBuild) Done() <-chan struct{}   { return b.done }
func (b *stubbornBuild) Result() runnerv1.Result { return runnerv1.Result_RESULT_FAILURE }

func (b *stubbornBuild) Stop(reason common.StopReason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, reason)
}

func (b *stubbornBuild) reasons() []common.StopReason {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

func TestAJobThatIgnoresItsCancellationIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 33)
		s := w.server("one.example")
		w.register(s, "a")
		stuck := &stubbornBuild{done: make(chan struct{})}
		w.starter = func(StartRequest) (Build, error) { return stuck, nil }
		w.run()
		s.submit("uuid-a", 1)
		time.Sleep(10 * time.Second)
		if err := w.end(StopCancelJobs); !errors.Is(err, ErrKilled) {
			t.Errorf("Run = %v, want ErrKilled", err)
		}
		if want := []common.StopReason{common.StopShutdown, common.StopKill}; !slices.Equal(stuck.reasons(), want) {
			t.Errorf("the job was told %v, want %v", stuck.reasons(), want)
		}
		close(stuck.done)
	})
}

func TestAnAdoptedJobOccupiesASlotUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 34)
		w.config.Concurrent = 2
		s := w.server("one.example")
		w.register(s, "a", limitTo(2))
		gone := newRunner(s, "gone")
		builds := []*stubbornBuild{{done: make(chan struct{})}, {done: make(chan struct{})}}
		w.run(func(o *Options) {
			o.Adopted = []Adopted{
				{Runner: w.config.Runners[0], TaskID: 901, Build: builds[0]},
				{Runner: gone, TaskID: 902, Build: builds[1]},
			}
		})
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Minute)
		if s.asked() != 0 {
			t.Errorf("%d requests while adopted jobs hold all slots", s.asked())
		}
		close(builds[1].done)
		time.Sleep(5 * time.Second)
		if w.startOf(s, id).IsZero() {
			t.Error("the free slot is not used")
		}
		status, err := w.supervisor.Snapshot(t.Context())
		if err != nil || len(status.Registrations) != 1 || len(status.Jobs) != 2 {
			t.Errorf("status %+v, %v", status, err)
		}
		close(builds[0].done)
		w.end(StopDrain)
		if len(builds[0].reasons()) != 0 {
			t.Errorf("adopted job was told %v", builds[0].reasons())
		}
	})
}
