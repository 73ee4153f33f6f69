package supervisor

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// use reloads with a changed copy of the configuration.
func (w *world) use(change func(*common.Config)) {
	next := *w.config
	next.Runners = append([]*common.RunnerConfig(nil), w.config.Runners...)
	change(&next)
	w.config = &next
	w.reload <- ReloadRequest{Config: &next, Source: "test"}
	synctest.Wait()
}

func TestAReloadLeavesAloneWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		w.config.Concurrent = 2
		s := w.server("one.example")
		for i := range 180 {
			w.register(s, fmt.Sprint("r", i))
		}
		w.run()
		time.Sleep(5 * time.Minute)
		before, declared := s.asked(), len(s.runner("uuid-r5").declared)
		for range 60 {
			w.use(func(c *common.Config) {
				c.Concurrent = 3
				for i, r := range c.Runners { // the same content, as a file read again
					again := *r
					c.Runners[i] = &again
				}
			})
			time.Sleep(5 * time.Second)
		}
		if n := s.asked() - before; n > 5*60*6 {
			t.Errorf("%d requests in 5 minutes of reloads: due times were forgotten", n)
		}
		if n := len(s.runner("uuid-r5").declared); n != declared {
			t.Errorf("declared %d times more", n-declared)
		}
		w.end(StopDrain)
	})
}

func TestARemovedRegistrationFinishesItsJobAndItsPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, running, late := slowFetch(t)
		w.use(func(c *common.Config) { c.Runners = nil })
		removed := time.Now()
		polls := len(s.polls("uuid-a"))
		time.Sleep(20 * time.Minute)
		if w.startOf(s, late).Before(removed) || w.stopped() != 0 {
			t.Errorf("late task started %v, %d stops", w.startOf(s, late), w.stopped())
		}
		if n := len(s.polls("uuid-a")); n != polls {
			t.Errorf("%d polls of a removed registration", n-polls)
		}
		if w.runningNow() != 0 {
			t.Errorf("%d jobs run", w.runningNow())
		}
		status, _ := w.supervisor.Snapshot(t.Context())
		if len(status.Registrations)+len(status.Endpoints) != 0 {
			t.Errorf("state is left of what is gone: %+v", status)
		}
		w.end(StopDrain)
		_ = running
	})
}

func TestARegistrationThatComesBackGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, _, late := slowFetch(t)
		all := w.config.Runners
		w.use(func(c *common.Config) { c.Runners = nil })
		w.use(func(c *common.Config) { c.Runners = all }) // its poll is still in flight
		time.Sleep(10 * time.Second)
		if w.startOf(s, late).IsZero() {
			t.Error("the late task was not started")
		}
		s.set(func() { s.latency = nil })
		next := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Second)
		if w.startOf(s, next).IsZero() {
			t.Error("a task after the return was not started")
		}
		w.end(StopDrain)
	})
}

func TestShrinkingTakesEffectAtOnceAndEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 42)
		w.config.Concurrent = 6
		w.duration = func(*runnerv1.Task) time.Duration { return time.Minute }
		s := w.server("one.example")
		w.register(s, "a")
		s.submit("uuid-a", 60)
		w.run()
		time.Sleep(30 * time.Second)
		if w.runningNow() != 6 {
			t.Fatalf("%d jobs run, want 6", w.runningNow())
		}
		w.use(func(c *common.Config) { c.Concurrent = 2 })
		time.Sleep(20 * time.Second)
		if w.runningNow() != 6 || w.stopped() != 0 {
			t.Errorf("after shrinking %d jobs run, %d stops", w.runningNow(), w.stopped())
		}
		time.Sleep(time.Minute)
		if w.runningNow() != 2 {
			t.Errorf("a minute later %d jobs run, want 2", w.runningNow())
		}
		w.use(func(c *common.Config) { c.Concurrent = 9 })
		time.Sleep(20 * time.Second)
		if w.runningNow() != 9 {
			t.Errorf("after growing %d jobs run, want 9", w.runningNow())
		}
		w.use(func(c *common.Config) { c.Concurrent = 1 })
		time.Sleep(3 * time.Minute)
		status, workers := make(chan slots, 1), slots{}
		w.supervisor.post(call(func(f *feeder, _ time.Time) { status <- f.slots }))
		if workers = <-status; workers.workers != 1 {
			t.Errorf("%d workers for one slot", workers.workers)
		}
		s.set(func() { s.runners["uuid-a"].waiting = nil })
		w.end(StopDrain)
	})
}

func TestAConfigurationThatIsWrongLeavesTheOldOneRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 43)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		w.reload <- ReloadRequest{Err: errors.New("config.toml:3: unknown key \"concurent\""), Source: "SIGHUP"}
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Second)
		if w.startOf(s, id).IsZero() {
			t.Error("the old configuration does not run")
		}
		if w.logged(logrus.ErrorLevel, "old one stays") != 1 {
			t.Error("no line about the configuration")
		}
		w.end(StopDrain)
	})
}

func TestTwoEntriesOfOneRegistrationAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 44)
		s := w.server("one.example")
		a := w.register(s, "a")
		twin := *a
		twin.Name, twin.URL = "b", "https://ONE.example/"
		w.config.Runners = append(w.config.Runners, &twin)
		w.run()
		time.Sleep(time.Minute)
		status, _ := w.supervisor.Snapshot(t.Context())
		if len(status.Registrations) != 1 || status.Registrations[0].Name != "a" {
			t.Errorf("registrations %+v", status.Registrations)
		}
		if w.logged(logrus.ErrorLevel, "Same url and uuid") != 1 {
			t.Error("no line about the twin")
		}
		w.end(StopDrain)
	})
}

func TestChangedLabelsAreDeclaredBeforeTheNextPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 45)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(10 * time.Second)
		w.use(func(c *common.Config) {
			a := *c.Runners[0]
			a.Labels = []string{"linux:host", "big:host", "x:docker://img"}
			c.Runners[0] = &a
		})
		time.Sleep(10 * time.Second)
		declared := s.runner("uuid-a").declared
		if got := fmt.Sprint(declared); got != "[[linux] [linux big]]" {
			t.Errorf("declared %s", got)
		}
		if w.logged(logrus.WarnLevel, "not declared") != 1 {
			t.Error("no line about the label that has no executor")
		}
		w.end(StopDrain)
	})
}
