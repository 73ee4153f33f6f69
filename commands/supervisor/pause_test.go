package supervisor

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
)

// pause makes these the paused registrations.
func (w *world) pause(runners ...*common.RunnerConfig) {
	w.t.Helper()
	var ids []common.RegistrationID
	for _, r := range runners {
		ids = append(ids, r.ID())
	}
	if err := w.supervisor.SetPaused(w.t.Context(), ids); err != nil {
		w.t.Fatal(err)
	}
}

// paused gives the names of the registrations that Status calls so.
func (w *world) paused() (names []string) {
	w.t.Helper()
	status, err := w.supervisor.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range status.Registrations {
		if r.Paused {
			names = append(names, r.Name)
			if !r.NextPoll.IsZero() || r.Ready {
				w.t.Errorf("%s is paused, and has a turn coming: %+v", r.Name, r)
			}
		}
	}
	return names
}

func TestAPausedRegistrationIsNotPolledWhileItsJobsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, late := slowFetch(t) // a poll is in flight that brings a job
		a, b := w.config.Runners[0], newRunner(s, "b")
		w.use(func(c *common.Config) { c.Runners = append(c.Runners, b) })
		w.pause(a)
		polls := len(s.polls("uuid-a"))
		next := s.submit("uuid-a", 1)[0]
		time.Sleep(20 * time.Minute)
		if w.startOf(s, late).IsZero() || w.stopped() != 0 || w.runningNow() != 0 {
			t.Errorf("the job of the poll in flight started %v, %d stops, %d run", w.startOf(s, late), w.stopped(), w.runningNow())
		}
		if n := len(s.polls("uuid-a")); n != polls {
			t.Errorf("%d polls while paused", n-polls)
		}
		if len(s.polls("uuid-b")) == 0 {
			t.Error("the other registration was not polled")
		}
		if got := fmt.Sprint(w.paused()); got != "[a]" {
			t.Errorf("paused: %s", got)
		}
		s.set(func() { s.latency = nil })
		w.pause()
		time.Sleep(time.Second)
		if w.startOf(s, next).IsZero() {
			t.Error("after the pause the job that waited was not fetched at once")
		}
		if got := w.paused(); got != nil {
			t.Errorf("paused: %v", got)
		}
		w.end(StopDrain)
		_ = running
	})
}

func TestAPauseOutlivesReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 61)
		s := w.server("one.example")
		a := w.register(s, "a")
		w.run(func(o *Options) { o.Paused = []common.RegistrationID{a.ID()} })
		all := w.config.Runners
		w.use(func(c *common.Config) {
			other := *a
			other.Limit, other.Name = 7, "renamed"
			c.Runners = []*common.RunnerConfig{&other}
		})
		time.Sleep(time.Minute)
		w.use(func(c *common.Config) { c.Runners = nil })
		time.Sleep(time.Minute)
		w.use(func(c *common.Config) { c.Runners = all })
		time.Sleep(time.Minute)
		if n := s.asked(); n != 0 {
			t.Errorf("%d requests while paused", n)
		}
		w.pause()
		time.Sleep(10 * time.Second)
		if s.asked() == 0 {
			t.Error("not asked after the pause")
		}
		w.end(StopDrain)
	})
}

func TestManyThatAreResumedDoNotPollAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 62)
		w.config.Concurrent = 100
		s := w.server("one.example")
		for i := range 200 {
			w.register(s, fmt.Sprint("r", i))
		}
		w.run()
		time.Sleep(5 * time.Minute)
		w.pause(w.config.Runners...)
		time.Sleep(5 * time.Minute)
		before := s.asked()
		w.pause()
		time.Sleep(2 * time.Second)
		if n := s.asked() - before; n == 0 || n > 40 {
			t.Errorf("%d requests within 2 s", n)
		}
		time.Sleep(time.Minute)
		if n := s.asked() - before; n < 200 {
			t.Errorf("%d requests within a minute", n)
		}
		w.end(StopDrain)
	})
}

// A registration that waits after an error does not get a turn by a pause.
func TestAPauseDoesNotShortenABackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 63)
		s := w.server("one.example")
		a := w.register(s, "a")
		s.set(func() { s.runners["uuid-a"].gone = true })
		w.run()
		time.Sleep(10 * time.Second)
		before := s.asked()
		w.pause(a)
		w.pause()
		time.Sleep(time.Minute)
		if n := s.asked() - before; n != 0 {
			t.Errorf("%d requests", n)
		}
		time.Sleep(10 * time.Minute)
		if s.asked() == before {
			t.Error("never asked again")
		}
		w.end(StopDrain)
	})
}

func TestPausingAfterTheEndIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 64)
		w.register(w.server("one.example"), "a")
		w.run()
		w.end(StopDrain)
		if err := w.supervisor.SetPaused(t.Context(), nil); !errors.Is(err, ErrNotRunning) {
			t.Errorf("error %v", err)
		}
	})
}

func TestASpentRegistrationIsNeverPolledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 65)
		s := w.server("one.example")
		a := w.register(s, "a", func(r *common.RunnerConfig) { r.Ephemeral = true })
		w.run(func(o *Options) { o.Spent = []common.RegistrationID{a.ID()} })
		all := w.config.Runners
		time.Sleep(time.Minute)
		w.use(func(c *common.Config) { c.Runners = nil })
		w.use(func(c *common.Config) { c.Runners = all })
		time.Sleep(time.Minute)
		w.use(func(c *common.Config) {
			other := *a
			other.Limit = 3
			c.Runners = []*common.RunnerConfig{&other}
		})
		time.Sleep(time.Minute)
		if n := s.asked(); n != 0 {
			t.Errorf("%d requests", n)
		}
		status, err := w.supervisor.Snapshot(t.Context())
		if err != nil || status.Registrations[0].Health != HealthSpent {
			t.Errorf("status %+v, %v", status.Registrations, err)
		}
		w.end(StopDrain)
	})
}

// pauseSome pauses every fifth registration, or none any more.
func (c *chaos) pauseSome() {
	var ids []common.RegistrationID
	if c.rand.IntN(3) > 0 {
		for _, r := range c.all {
			if c.rand.IntN(5) == 0 {
				ids = append(ids, r.ID())
			}
		}
	}
	c.pause(ids...)
}

func (c *chaos) pause(ids ...common.RegistrationID) {
	expect := func(pausedAt map[common.RegistrationID]time.Time) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pausedAt = pausedAt
	}
	expect(nil) // some may be resumed
	if err := c.supervisor.SetPaused(c.t.Context(), ids); err != nil {
		c.t.Error(err)
	}
	pausedAt := map[common.RegistrationID]time.Time{}
	for _, id := range ids {
		pausedAt[id] = time.Now()
	}
	expect(pausedAt)
}

// checkPaused is that no poll begins during a pause.
func (c *chaos) checkPaused(f *feeder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range f.inFlight {
		if at, ok := c.pausedAt[g.entry.id]; ok && g.sent.After(at) {
			c.t.Errorf("%s was given a turn while it was paused", g.registration.name())
		}
	}
}
