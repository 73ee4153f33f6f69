package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

func TestVersionIsZeroAfterATaskUntilTheFirstEmptyAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20)
		w.config.Concurrent = 4
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(10 * time.Second)
		s.submit("uuid-a", 3)
		time.Sleep(10 * time.Second)
		var afterTask bool
		for i, p := range s.polls("uuid-a") {
			if (i == 0 || afterTask) != (p.version == 0) {
				t.Errorf("poll %d sent version %d; it is the first or follows a task: %t", i, p.version, i == 0 || afterTask)
			}
			afterTask = p.task != 0
		}
		w.end(StopDrain)
	})
}

func TestALowerVersionIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 21)
		s := w.server("one.example")
		w.register(s, "a")
		s.runner("uuid-a").version = 70
		w.run()
		time.Sleep(20 * time.Second)
		s.set(func() { s.runners["uuid-a"].version = 3 })
		time.Sleep(20 * time.Second)
		polls := s.polls("uuid-a")
		if last := polls[len(polls)-1].version; last != 3 {
			t.Errorf("version %d is sent, want the lower one of the last answer", last)
		}
		w.end(StopDrain)
	})
}

func TestVersionIsZeroEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 22)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(31 * time.Minute)
		zeros := 0
		for _, p := range s.polls("uuid-a") {
			if p.version == 0 {
				zeros++
			}
		}
		if zeros < 6 || zeros > 7 {
			t.Errorf("version 0 was sent %d times in 31 minutes", zeros)
		}
		w.end(StopDrain)
	})
}

func TestAReloadResetsTheVersionOfTheEntryThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 23)
		w.config.Concurrent = 2
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		w.run()
		time.Sleep(20 * time.Second)
		next := *w.config
		b := *next.Runners[1]
		b.Limit = 3
		next.Runners = []*common.RunnerConfig{next.Runners[0], &b}
		reloaded := time.Now()
		w.reload <- ReloadRequest{Config: &next, Source: "test"}
		time.Sleep(10 * time.Second)
		for name, want := range map[string]bool{"a": false, "b": true} {
			zero := false
			for _, p := range s.polls("uuid-" + name) {
				zero = zero || !p.start.Before(reloaded) && p.version == 0
			}
			if zero != want {
				t.Errorf("%s sent version 0 after the reload: %t, want %t", name, zero, want)
			}
		}
		w.end(StopDrain)
	})
}

func TestAThrottledAnswerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 24)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(10 * time.Second)
		// A throttled server has work, and sends our own version back.
		id := s.submit("uuid-a", 1)[0]
		r := s.runner("uuid-a")
		s.set(func() { r.waiting, r.version = nil, r.version-1 })
		time.Sleep(10 * time.Second)
		s.set(func() { r.waiting, r.version = []int64{id}, r.version+1 })
		time.Sleep(5 * time.Second)
		if w.startOf(s, id).IsZero() {
			t.Error("the task was not asked for again")
		}
		w.end(StopDrain)
	})
}

func TestATaskSentAgainIsStartedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 25)
		w.config.Concurrent = 3
		w.duration = func(*runnerv1.Task) time.Duration { return time.Second }
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(10 * time.Second)
		id := s.submit("uuid-a", 1)[0]
		r := s.runner("uuid-a")
		time.Sleep(5 * time.Second)
		s.set(func() { r.waiting, r.version = []int64{id, id}, r.version+1 }) // world fails on a second start
		before := len(s.polls("uuid-a"))
		time.Sleep(time.Minute)
		if n := len(s.polls("uuid-a")) - before; n > 30 {
			t.Errorf("%d polls in a minute because of a duplicate", n)
		}
		next := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Second)
		if w.startOf(s, next).IsZero() {
			t.Error("a new task after duplicates was not started")
		}
		w.end(StopDrain)
	})
}

func TestALostAnswerIsAskedForAgainWithTheSameKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 26)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(10 * time.Second)
		lost := false
		s.set(func() {
			s.dropAfter = func() bool { first := !lost; lost = true; return first }
		})
		id := s.submit("uuid-a", 1)[0]
		submitted := time.Now()
		time.Sleep(2 * time.Minute)
		if start := w.startOf(s, id); start.IsZero() || start.Sub(submitted) > 5*time.Second {
			t.Errorf("the task whose answer was lost started after %s", start.Sub(submitted))
		}
		keys := map[string]int{}
		for _, p := range s.polls("uuid-a") {
			if p.key == "" {
				t.Error("a poll without a request key")
			}
			keys[p.key]++
		}
		if len(keys) != 2 {
			t.Errorf("keys %v: want one until the task was claimed, and one after", keys)
		}
		w.end(StopDrain)
	})
}
