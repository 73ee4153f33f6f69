package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

func limitTo(n int) func(*common.RunnerConfig) {
	return func(r *common.RunnerConfig) { r.Limit = n }
}

func TestBuildsAndPollsTogetherStayWithinConcurrentAndLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.config.Concurrent = 5
		w.duration = func(task *runnerv1.Task) time.Duration { return time.Duration(task.GetId()%7) * 3 * time.Second }
		servers := []*fakeServer{w.server("one.example"), w.server("two.example")}
		servers[1].hold = 30 * time.Second
		for i := range 20 {
			w.register(servers[i%2], fmt.Sprint("r", i), limitTo(i%4))
		}
		w.run()
		limits := func(f *feeder, now time.Time) {
			w.checkSlots(f, now)
			for _, r := range f.registrations {
				open := r.jobs
				if r.grant != nil {
					open++
				}
				if limit := r.entry.runner.Limit; limit > 0 && open > limit {
					t.Errorf("%s: %d jobs and polls, limit %d", r.name(), open, limit)
				}
			}
		}
		ask := make(chan struct{})
		w.supervisor.post(call(func(*feeder, time.Time) { w.supervisor.observe = limits; close(ask) }))
		<-ask
		for i := range 40 {
			for j, s := range servers {
				s.submit(fmt.Sprint("uuid-r", (2*i+j)%20), 1+i%5)
			}
			time.Sleep(7 * time.Second)
		}
		time.Sleep(20 * time.Minute)
		if w.peak != 5 {
			t.Errorf("at most %d builds ran at once, want all 5 slots used", w.peak)
		}
		for _, s := range servers {
			for id := int64(1); id <= s.nextID; id++ {
				if !w.handled(s.url, id) {
					t.Errorf("task %d of %s was not run", id, s.url)
				}
			}
		}
		w.end(StopDrain)
	})
}

// call lets a test do something in the feeder's goroutine.
type call func(*feeder, time.Time)

func (c call) apply(f *feeder, now time.Time) { c(f, now) }

func TestRequestsPerEndpointStayWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.config.Concurrent = 50
		w.config.Polling.RequestsPerSecond = 10
		w.duration = func(*runnerv1.Task) time.Duration { return time.Second }
		s := w.server("one.example")
		for i := range 300 {
			w.register(s, fmt.Sprint("r", i))
		}
		w.run()
		for i := range 300 {
			s.submit(fmt.Sprint("uuid-r", i), 10)
		}
		time.Sleep(3 * time.Minute)
		w.end(StopDrain)

		const burst = 2
		for i := range s.requests {
			for _, window := range []time.Duration{time.Second, 10 * time.Second} {
				end := i
				for end < len(s.requests) && s.requests[end].Sub(s.requests[i]) < window {
					end++
				}
				if limit := int(window.Seconds()*10) + burst; end-i > limit {
					t.Fatalf("%d requests within %s, want at most %d", end-i, window, limit)
				}
			}
		}
		if s.asked() < 1700 {
			t.Errorf("%d requests in 3 minutes: the budget of 10 per second is not used", s.asked())
		}
	})
}

func TestFirstPollsOfANewProcessAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		w.config.Concurrent = 100
		w.config.Polling.RequestsPerSecond = 1000
		s := w.server("one.example")
		for i := range 200 {
			w.register(s, fmt.Sprint("r", i))
		}
		start := time.Now()
		w.run()
		time.Sleep(2 * time.Minute)
		w.end(StopDrain)
		perSecond := map[int]int{}
		for i := range 200 {
			polls := s.polls(fmt.Sprint("uuid-r", i))
			if len(polls) == 0 {
				t.Fatalf("r%d was not polled", i)
			}
			perSecond[int(polls[0].start.Sub(start).Seconds())]++
		}
		for second, n := range perSecond {
			if n > 20 || second > 46 {
				t.Errorf("%d first polls in second %d", n, second)
			}
		}
	})
}

func TestASingleRegistrationIsNotKeptWaitingAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		s := w.server("one.example")
		w.register(s, "a")
		start := time.Now()
		w.run()
		time.Sleep(2 * time.Second)
		if polls := s.polls("uuid-a"); len(polls) == 0 || polls[0].start.Sub(start) > 1200*time.Millisecond {
			t.Errorf("first poll after more than a second: %v", polls)
		}
		w.end(StopDrain)
	})
}

func TestIdleIntervalFollowsTheNumberOfRegistrations(t *testing.T) {
	for _, c := range []struct {
		registrations int
		want          time.Duration
	}{{1, 3 * time.Second}, {20, 5 * time.Second}, {180, 45 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 6)
			w.config.Concurrent = 4
			s := w.server("one.example")
			for i := range c.registrations {
				w.register(s, fmt.Sprint("r", i))
			}
			w.run()
			time.Sleep(10 * time.Minute)
			w.end(StopDrain)
			var total time.Duration
			var n int
			for i := range c.registrations {
				polls := s.polls(fmt.Sprint("uuid-r", i))
				for j := len(polls) / 2; j+1 < len(polls); j++ {
					gap := polls[j+1].start.Sub(polls[j].start)
					if gap < c.want*79/100 || gap > c.want*121/100+time.Second {
						t.Errorf("%d registrations: gap of %s, want %s ± 20%%", c.registrations, gap, c.want)
					}
					total += gap
					n++
				}
			}
			if mean := total / time.Duration(n); mean < c.want*9/10 || mean > c.want*11/10 {
				t.Errorf("%d registrations: mean gap %s, want %s", c.registrations, mean, c.want)
			}
		})
	}
}

func TestARegistrationThatHadWorkIsPolledAtTheBaseInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 7)
		w.config.Concurrent = 2
		s := w.server("one.example")
		for i := range 180 {
			w.register(s, fmt.Sprint("r", i))
		}
		w.run()
		time.Sleep(5 * time.Minute)
		s.submit("uuid-r7", 1)
		time.Sleep(time.Minute)
		worked := time.Now()
		time.Sleep(20 * time.Minute)
		for _, gap := range gaps(s.polls("uuid-r7"), worked, worked.Add(20*time.Minute)) {
			if gap > 3600*time.Millisecond+time.Second {
				t.Errorf("gap of %s within 30 minutes after a job", gap)
			}
		}
		time.Sleep(20 * time.Minute)
		cooled := time.Now()
		time.Sleep(10 * time.Minute)
		if longest := slices.Max(gaps(s.polls("uuid-r7"), cooled, time.Now())); longest < 30*time.Second {
			t.Errorf("longest gap %s, long after the job: want the idle interval", longest)
		}
		w.end(StopDrain)
	})
}

// gaps are the times between starts of polls, of those between two moments.
func gaps(polls []poll, from, to time.Time) (gaps []time.Duration) {
	for i := 1; i < len(polls); i++ {
		if polls[i-1].start.After(from) && polls[i].start.Before(to) {
			gaps = append(gaps, polls[i].start.Sub(polls[i-1].start))
		}
	}
	return gaps
}

func TestSlotsAreSharedByWeightWhenAllAreWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 8)
		w.config.Concurrent = 3
		w.duration = func(task *runnerv1.Task) time.Duration { return 10 * time.Second }
		s, other := w.server("one.example"), w.server("two.example")
		weights := map[string]float64{"a": 1, "b": 2, "c": 3}
		for name, weight := range weights {
			w.register(s, name, func(r *common.RunnerConfig) { r.Weight = weight })
		}
		for i := range 100 { // idle ones must not change it
			w.register(other, fmt.Sprint("idle", i))
		}
		w.run()
		time.Sleep(time.Minute)
		for name := range weights {
			s.submit("uuid-"+name, 2000)
		}
		time.Sleep(5 * time.Minute)
		before := committed(s)
		time.Sleep(time.Hour)
		after := committed(s)
		got := map[string]float64{}
		var all float64
		for name := range weights {
			got[name] = float64(after[name] - before[name])
			all += got[name]
		}
		for name, weight := range weights {
			if share := got[name] / all; share < weight/6*0.93 || share > weight/6*1.07 {
				t.Errorf("%s with weight %g got %.1f%% of the slots, want %.1f%%", name, weight, 100*share, 100*weight/6)
			}
		}
		if full := 3 * 3600 / 10.0; all < 0.95*full {
			t.Errorf("%g jobs in an hour, of %g that fit: slots stayed empty", all, full)
		}
		for _, name := range []string{"a", "b", "c"} {
			s.set(func() { s.runners["uuid-"+name].waiting = nil })
		}
		w.end(StopDrain)
	})
}

func committed(s *fakeServer) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for uuid, r := range s.runners {
		n[uuid[len("uuid-"):]] = len(r.committed)
	}
	return n
}

func TestEqualRegistrationsWithABacklogTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 9)
		w.config.Concurrent = 1
		w.duration = func(*runnerv1.Task) time.Duration { return 10 * time.Second }
		s := w.server("one.example")
		const backlogged = 6
		for i := range backlogged {
			w.register(s, fmt.Sprint("r", i))
			s.submit(fmt.Sprint("uuid-r", i), 100)
		}
		w.run()
		time.Sleep(30 * time.Minute)
		w.end(StopCancelJobs)
		var order []string
		for i := range backlogged {
			for _, id := range s.runner(fmt.Sprint("uuid-r", i)).committed {
				order = append(order, fmt.Sprintf("%s r%d", w.startOf(s, id).Format(time.RFC3339Nano), i))
			}
		}
		slices.Sort(order)
		last := map[string]int{}
		for i, line := range order {
			name := line[len(line)-2:]
			if at, ok := last[name]; ok && i-at > backlogged+1 {
				t.Errorf("%s got job %d and then job %d: not one of every %d", name, at, i, backlogged)
			}
			last[name] = i
		}
		if len(order) < 150 {
			t.Errorf("%d jobs of 10 s in 30 minutes", len(order))
		}
	})
}
