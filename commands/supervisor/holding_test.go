package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network"
)

func TestWithOneSlotAndAHoldingServerEachRegistrationIsPolledWithinTheCycle(t *testing.T) {
	for _, c := range []struct{ concurrent, registrations int }{{1, 1}, {1, 3}, {1, 9}, {4, 3}, {4, 20}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			w.config.Concurrent = c.concurrent
			s := w.server("one.example")
			s.hold = 50 * time.Second
			for i := range c.registrations {
				w.register(s, fmt.Sprint("r", i))
			}
			w.run()
			time.Sleep(2 * time.Minute) // known to hold
			from := time.Now()
			time.Sleep(10 * time.Minute)
			for i := range c.registrations {
				polls := s.polls(fmt.Sprint("uuid-r", i))
				longest := slices.Max(gaps(polls, from, time.Now()))
				if c.registrations <= c.concurrent {
					// Each has a slot of its own: there is always a poll open.
					if longest = slices.Max(uncovered(polls, from, time.Now())); longest > time.Second {
						t.Errorf("concurrent %d, %d registrations: r%d had no poll open for %s", c.concurrent, c.registrations, i, longest)
					}
				}
				if longest > w.config.Polling.CycleTarget.Std() {
					t.Errorf("concurrent %d, %d registrations: r%d was not asked for %s, want at most %s",
						c.concurrent, c.registrations, i, longest, w.config.Polling.CycleTarget)
				}
			}
			if s.asked() > 3*12*60 {
				t.Errorf("%d requests in 12 minutes: holds are not used", s.asked())
			}
			w.end(StopDrain)
		})
	}
}

// uncovered are the times between the end of a poll and the start of the next.
func uncovered(polls []poll, from, to time.Time) (times []time.Duration) {
	for i := 1; i < len(polls); i++ {
		if polls[i-1].start.After(from) && polls[i].start.Before(to) {
			times = append(times, polls[i].start.Sub(polls[i-1].end))
		}
	}
	return times
}

func TestFirstHoldIsShortAndAPromptServerIsOnlyGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 11)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(time.Minute)
		w.end(StopDrain)
		polls := s.polls("uuid-a")
		if polls[0].hold != 5*time.Second {
			t.Errorf("first hold %s, want 5s", polls[0].hold)
		}
		for _, p := range polls[1:] {
			if p.hold != 15*time.Second {
				t.Errorf("hold %s of a server that answers at once, want fetch_timeout", p.hold)
			}
		}
	})
}

func TestEndpointLearnsHowItAnswers(t *testing.T) {
	type answer struct{ told, took time.Duration }
	s := time.Second
	quick := answer{15 * s, 20 * time.Millisecond}
	for _, c := range []struct {
		name    string
		answers []answer
		want    manner
	}{
		{"nothing yet", nil, unknown},
		{"one quick answer", []answer{quick}, prompt},
		{"one held for most of what it was told", []answer{{5 * s, 4 * s}}, holding},
		{"one long, but far from what it was told", []answer{{15 * s, 3 * s}}, prompt},
		{"three long ones running", []answer{{15 * s, 3 * s}, {15 * s, 2 * s}, {15 * s, 4 * s}}, holding},
		{"three long ones, not running", []answer{{15 * s, 3 * s}, {15 * s, 3 * s}, quick, {15 * s, 3 * s}}, prompt},
		{"most of a hold of a second is not long", []answer{quick, {1 * s, 1 * s}}, prompt},
		{"holding, then two quick ones", []answer{{5 * s, 5 * s}, quick, quick}, holding},
		{"holding, then three quick ones", []answer{{5 * s, 5 * s}, quick, quick, quick}, prompt},
		{"holding for a second each", []answer{{5 * s, 5 * s}, {s, s}, {s, s}, {s, s}, {s, s}}, holding},
	} {
		e := &endpoint{}
		for _, a := range c.answers {
			e.measure(a.told, a.took)
		}
		if e.manner != c.want {
			t.Errorf("%s: %s, want %s", c.name, e.manner, c.want)
		}
	}
}

func TestAHangingServerDoesNotDelayTheOther(t *testing.T) {
	for _, concurrent := range []int{1, 2, 3, 4, 16} {
		for _, fromTheStart := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 12)
				w.config.Concurrent = concurrent
				w.duration = func(*runnerv1.Task) time.Duration { return 5 * time.Second }
				good, bad := w.server("good.example"), w.server("bad.example")
				for i := range 3 {
					w.register(good, fmt.Sprint("g", i))
				}
				for i := range 20 {
					w.register(bad, fmt.Sprint("b", i))
				}
				bad.hang = fromTheStart
				w.run()
				time.Sleep(time.Minute)
				bad.set(func() { bad.hang = true })
				for i := range 25 {
					id := good.submit(fmt.Sprint("uuid-g", i%3), 1)[0]
					submitted := time.Now()
					time.Sleep(21 * time.Second)
					start := w.startOf(good, id)
					// The base interval, and once the time until a poll that
					// does not come back counts as slow.
					if limit := 8 * time.Second; start.IsZero() || start.Sub(submitted) > limit {
						t.Errorf("concurrent %d: job %d started after %s, want within %s", concurrent, i, start.Sub(submitted), limit)
					}
				}
				before := bad.asked()
				time.Sleep(10 * time.Minute)
				if n := bad.asked() - before; n < 5 || n > 12 {
					t.Errorf("concurrent %d: the hanging server was asked %d times in 10 minutes, want about 8", concurrent, n)
				}
				bad.set(func() { bad.hang = false })
				id := bad.submit("uuid-b7", 1)[0]
				submitted := time.Now()
				time.Sleep(4 * time.Minute)
				if start := w.startOf(bad, id); start.IsZero() || start.Sub(submitted) > 3*time.Minute {
					t.Errorf("concurrent %d: a job of the server that is back started after %s", concurrent, start.Sub(submitted))
				}
				w.end(StopDrain)
			})
		}
	}
}

func TestATaskBroughtByAnExemptPollTakesTheNextFreeSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 13)
		w.config.Concurrent = 1
		good, slow := w.server("good.example"), w.server("slow.example")
		w.register(good, "g")
		w.register(slow, "s")
		w.run()
		time.Sleep(20 * time.Second)
		slow.set(func() { slow.latency = func() time.Duration { return 14 * time.Second } })
		late := slow.submit("uuid-s", 1)[0]
		time.Sleep(4 * time.Second)
		first := good.submit("uuid-g", 1)[0]
		time.Sleep(5 * time.Minute)
		if w.startOf(good, first).IsZero() || w.startOf(slow, late).IsZero() {
			t.Fatalf("started: %v %v", w.startOf(good, first), w.startOf(slow, late))
		}
		if w.peak != 1 {
			t.Errorf("%d builds at once with one slot", w.peak)
		}
		if gap := w.startOf(slow, late).Sub(w.startOf(good, first)); gap < 0 || gap > time.Minute+time.Second {
			t.Errorf("the late task started %s after the first one, want as soon as that ends", gap)
		}
		w.end(StopDrain)
	})
}

func TestAnExpiryIsEmptyOnlyFromAServerThatHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 14)
		w.config.Concurrent = 2
		slow := w.server("slow.example")
		w.register(slow, "a")
		expired := network.ClassExpired
		slow.refuse = &expired
		slow.latency = func() time.Duration { return 4 * time.Second }
		w.run()
		time.Sleep(10 * time.Minute)
		if n := slow.asked(); n > 15 {
			t.Errorf("%d requests in 10 minutes at a server that only expires: no back-off", n)
		}
		slow.set(func() { slow.refuse, slow.latency, slow.hold = nil, nil, time.Minute })
		time.Sleep(5 * time.Minute) // holds
		slow.set(func() {
			slow.hold, slow.refuse = 0, &expired
			slow.latency = func() time.Duration { return slow.runners["uuid-a"].polls[len(slow.runners["uuid-a"].polls)-1].hold }
		})
		before := len(slow.polls("uuid-a"))
		time.Sleep(5 * time.Minute)
		if n := len(slow.polls("uuid-a")) - before; n < 20 {
			t.Errorf("%d polls in 5 minutes at a holding server that expires: backed off", n)
		}
		w.end(StopDrain)
	})
}
