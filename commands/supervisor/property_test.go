package supervisor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network"
)

// seedVariable replays a run of the property tests.
const seedVariable = "SUPERVISOR_SEED"

func seedOf(t *testing.T) uint64 {
	seed := rand.Uint64() >> 1
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay with %s=%d", seedVariable, seed)
	return seed
}

// chaos is a world in which everything changes all the time.
type chaos struct {
	*world
	faults  bool // servers fail, hang, lose answers
	clean   map[string]bool
	servers []*fakeServer
	all     []*common.RunnerConfig
	steps   int
	// fullAt is until when builds ran in all slots last.
	fullAt time.Time
	full   bool
	bound  time.Duration
	worst  time.Duration
	// pausedAt is since when registrations are paused.
	pausedAt map[common.RegistrationID]time.Time
}

// Every task that a server commits reaches a build or a report, within the
// bounds, whatever happens: 100,000 steps of the feeder.
func TestNothingIsLostAndNobodyStarves(t *testing.T) {
	inChaos(t, seedOf(t), 1)
}

// inChaos lives through worlds of all sizes, for so many times the usual steps.
func inChaos(t *testing.T, seed uint64, times int) {
	for i, c := range []struct {
		registrations, servers, steps int
		faults                        bool
	}{
		{1, 1, 4_000, true}, {3, 2, 8_000, true}, {12, 3, 10_000, true}, {60, 3, 8_000, false},
		{200, 4, 12_000, true}, {600, 3, 5_000, false}, {2000, 4, 5_000, true},
	} {
		t.Run(fmt.Sprintf("%d registrations of %d servers, faults %t", c.registrations, c.servers, c.faults), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				newChaos(t, seed+uint64(i), c.registrations, c.servers, c.faults).live(times * c.steps)
			})
		})
	}
}

func newChaos(t *testing.T, seed uint64, registrations, servers int, faults bool) *chaos {
	c := &chaos{world: newWorld(t, seed), faults: faults, clean: map[string]bool{}, fullAt: time.Now()}
	c.config.Concurrent = 1 + c.rand.IntN(12)
	c.config.Polling.RequestsPerSecond = float64(10 + registrations/5)
	for i := range servers {
		s := c.server(fmt.Sprintf("s%d.example", i))
		c.servers = append(c.servers, s)
		// The first one is never at fault.
		c.clean[s.url] = i == 0 || !faults
		c.calm(s)
	}
	for i := range registrations {
		c.register(c.servers[i%servers], fmt.Sprint("r", i), limitTo(c.rand.IntN(5)),
			func(r *common.RunnerConfig) { r.Weight = 0.5 + 2*c.rand.Float64() })
	}
	c.all = slices.Clone(c.config.Runners)
	durations := rand.New(rand.NewPCG(seed, 2))
	c.duration = func(*runnerv1.Task) time.Duration {
		return time.Duration(durations.ExpFloat64() * float64(20*time.Second))
	}
	// Of a server without faults: a turn for each of its registrations, twice
	// for the declaration, four times for the classes; and what each of the
	// others may hold the last permit for.
	n := float64(registrations)/float64(servers) + 1
	c.bound = seconds(4 * 2 * n * (1/c.config.Polling.RequestsPerSecond + 0.065))
	if faults {
		c.bound += time.Duration(servers-1) * (15*time.Second + grace)
	}
	return c
}

// calm makes a server answer well.
func (c *chaos) calm(s *fakeServer) {
	s.set(func() {
		s.latency = func() time.Duration {
			return 5*time.Millisecond + time.Duration(c.serverRand().IntN(60))*time.Millisecond
		}
		s.hang, s.refuse, s.dropAfter, s.hold = false, nil, nil, 0
	})
}

// serverRand is a source that servers may use: they are asked concurrently.
func (c *chaos) serverRand() *rand.Rand {
	return rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
}

func (c *chaos) live(steps int) {
	c.run()
	c.supervisor.post(call(func(*feeder, time.Time) { c.supervisor.observe = c.watch }))
	for c.stepsNow() < steps {
		c.change()
		time.Sleep(time.Duration(c.rand.ExpFloat64() * float64(2*time.Second) / float64(1+len(c.all)/50)))
	}
	// All is well again: everything that was committed arrives.
	for _, s := range c.servers {
		c.calm(s)
		s.set(func() {
			for _, r := range s.runners {
				r.waiting = nil
			}
		})
	}
	c.pause()
	c.use(func(cfg *common.Config) { cfg.Runners, cfg.Concurrent = c.all, 10 })
	time.Sleep(c.calmTime())
	c.checkHandled("before the stop")

	// And it stops in the middle of it.
	for range 1 + c.rand.IntN(40) {
		s := c.servers[c.rand.IntN(len(c.servers))]
		s.submit(c.someRunner(s), 1+c.rand.IntN(5))
		time.Sleep(time.Duration(c.rand.IntN(200)) * time.Millisecond)
	}
	err := c.end([]StopRequest{StopDrain, StopTerminate, StopCancelJobs}[c.rand.IntN(3)])
	if err != nil {
		c.t.Error(err)
	}
	c.checkHandled("after the stop")
	c.checkBudgets()
	if n := c.runningNow(); n != 0 {
		c.t.Errorf("%d jobs run after the end", n)
	}
	c.t.Logf("%d steps, %d tasks, longest wait with a free slot %s (bound %s)", c.stepsNow(), len(c.started), c.worst, c.bound)
}

// small worlds know servers that forget registrations: to wait until these are
// asked again would take most of the time of a large one.
func (c *chaos) small() bool { return len(c.all) <= 20 }

// calmTime is until everybody has been asked again.
func (c *chaos) calmTime() time.Duration {
	if c.small() {
		return unregisteredInterval*6/5 + 2*time.Minute
	}
	return retryMax*6/5 + 20*time.Second
}

func (c *chaos) stepsNow() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steps
}

func (c *chaos) someRunner(s *fakeServer) string {
	for {
		if r := c.all[c.rand.IntN(len(c.all))]; common.NormalizeURL(r.URL) == s.url {
			return r.UUID
		}
	}
}

// change is one thing that happens.
func (c *chaos) change() {
	s := c.servers[c.rand.IntN(len(c.servers))]
	switch n := c.rand.IntN(100); {
	case n < 70:
		s.submit(c.someRunner(s), 1+c.rand.IntN(4))
	case n < 85:
		if c.clean[s.url] {
			s.submit(c.someRunner(s), 1)
			return
		}
		c.trouble(s)
	case n < 95 && c.rand.IntN(1+len(c.all)/100) > 0: // a reload costs by the registration
		s.submit(c.someRunner(s), 1+c.rand.IntN(4))
	case n < 90:
		c.use(func(cfg *common.Config) { cfg.Concurrent = 1 + c.rand.IntN(15) })
	case n < 95:
		c.use(func(cfg *common.Config) { cfg.Runners = c.someRunners() })
	case n < 98:
		c.supervisor.Hint(c.t.Context(), common.RegistrationID{URL: s.url})
	default:
		c.pauseSome()
	}
}

// someRunners is the configuration with a few registrations changed or gone.
func (c *chaos) someRunners() []*common.RunnerConfig {
	var some []*common.RunnerConfig
	for _, r := range c.all {
		switch n := c.rand.IntN(40); {
		case n == 0:
			continue
		case n < 3:
			other := *r
			other.Limit = c.rand.IntN(4)
			some = append(some, &other)
		default:
			some = append(some, r)
		}
	}
	return some
}

// trouble gives a server one more fault, or heals it.
func (c *chaos) trouble(s *fakeServer) {
	classes := []network.Class{network.ClassTransport, network.ClassBusy, network.ClassExpired, network.ClassInternal}
	if c.small() {
		classes = append(classes, network.ClassUnregistered)
	}
	n, class := c.rand.IntN(8), classes[c.rand.IntN(len(classes))]
	s.set(func() {
		switch n {
		case 0:
			s.hang = true
		case 1:
			s.refuse = &class
		case 2:
			s.dropAfter = func() bool { return c.serverRand().IntN(3) == 0 }
		case 3:
			s.hold = time.Duration(1+c.serverRand().IntN(60)) * time.Second
		case 4:
			s.latency = func() time.Duration { return time.Duration(c.serverRand().IntN(9000)) * time.Millisecond }
		case 5:
			s.latency = func() time.Duration { return time.Duration(c.serverRand().ExpFloat64() * float64(5*time.Second)) }
		}
	})
	if n >= 6 {
		c.calm(s)
	}
}

// watch is what must be true after each step.
func (c *chaos) watch(f *feeder, now time.Time) {
	c.mu.Lock()
	c.steps++
	steps := c.steps
	c.mu.Unlock()
	c.checkSlots(f, now)
	c.checkPaused(f)
	for _, g := range f.inFlight {
		r := g.registration
		if limit := g.entry.runner.Limit; g.sent.Equal(now) && r.entry == g.entry && limit > 0 && r.jobs >= limit && !r.justGotJob(now) {
			c.t.Errorf("%s was given a turn with %d jobs, limit %d", r.name(), r.jobs, limit)
		}
	}
	if c.full {
		c.fullAt = now
	}
	c.full = f.slots.claimable() == 0
	if steps%(100+len(c.all)/2) == 0 {
		checkState(c.t, f)
		c.checkWaits(f, now)
	}
}

func (r *registration) justGotJob(now time.Time) bool { return r.lastJob.Equal(now) }

// checkWaits is the bound on waiting while a slot is free, for servers without
// faults.
func (c *chaos) checkWaits(f *feeder, now time.Time) {
	if f.phase != Running {
		return
	}
	for _, r := range f.waits.items {
		if !c.clean[r.endpoint.url] {
			continue
		}
		wait := now.Sub(later(r.readySince, c.fullAt))
		c.worst = max(c.worst, wait)
		bound := c.bound
		if r.readyClass == busy && c.faults {
			bound += time.Minute // what polls of others' busy ones take at slow servers
		}
		if wait > bound {
			c.t.Errorf("%s has waited for %s with a free slot, bound %s: %+v", r.name(), wait, bound, f.slots)
		}
	}
}

// checkState compares the feeder's counts with what they count.
func checkState(t *testing.T, f *feeder) {
	var permits, exempt, slotsTaken, live int
	for _, g := range f.inFlight {
		if g.registration.grant != g {
			t.Errorf("%s: a poll in flight is not its own", g.registration.name())
		}
		if g.permit {
			permits++
		} else {
			exempt++
		}
	}
	jobs := map[*registration]int{}
	for j := range f.building {
		jobs[j.registration]++
		if j.slot {
			slotsTaken++
		}
	}
	for _, j := range f.pending {
		jobs[j.registration]++
	}
	if permits != f.slots.polling || exempt != f.slots.exempt || slotsTaken != f.slots.running {
		t.Errorf("%d polls with and %d without a permit, %d builds; counted: %+v", permits, exempt, slotsTaken, f.slots)
	}
	if busy := len(f.inFlight) + len(f.building); busy != f.slots.workers-f.slots.idle {
		t.Errorf("%d workers are busy, counted: %+v", busy, f.slots)
	}
	outstanding, ready, registered := map[*endpoint]int{}, map[*endpoint]int{}, map[*endpoint]int{}
	demand := map[*endpoint]float64{}
	for _, r := range f.registrations {
		places := 0
		for _, in := range []bool{r.inDue > 0, r.inReady > 0, r.grant != nil} {
			if in {
				places++
			}
		}
		if places > 1 || places == 0 && r.mayPoll() {
			t.Errorf("%s is in %d places", r.name(), places)
		}
		if r.jobs != jobs[r] {
			t.Errorf("%s has %d jobs, counted %d", r.name(), jobs[r], r.jobs)
		}
		if r.grant != nil {
			outstanding[r.endpoint]++
		}
		if r.inReady > 0 {
			ready[r.endpoint]++
		}
		if !r.removed {
			registered[r.endpoint]++
		}
		demand[r.endpoint] += r.share
	}
	for _, e := range f.endpoints {
		if e.registrations > 0 {
			live++
		}
		if outstanding[e] != e.outstanding || registered[e] != e.registrations || (ready[e] > 0) != (e.inReady > 0) {
			t.Errorf("%s: %d in flight, %d registrations, %d ready; counted %+v", e.host, outstanding[e], registered[e], ready[e], e)
		}
		if d := demand[e] - e.demand; d > 1e-6 || d < -1e-6 {
			t.Errorf("%s: demand %g, counted %g", e.host, demand[e], e.demand)
		}
	}
	if live != f.live {
		t.Errorf("%d servers, counted %d", live, f.live)
	}
}

func (c *chaos) checkHandled(when string) {
	for _, s := range c.servers {
		for uuid, r := range s.runners {
			for _, id := range r.committed {
				if !c.handled(s.url, id) {
					c.t.Errorf("%s: task %d of %s at %s was committed and is neither started nor reported", when, id, uuid, s.url)
				}
			}
		}
	}
}

func (c *chaos) checkBudgets() {
	perSecond := c.config.Polling.RequestsPerSecond
	for _, s := range c.servers {
		start := 0
		for end := range s.requests {
			for s.requests[end].Sub(s.requests[start]) >= 10*time.Second {
				start++
			}
			if n := end - start + 1; float64(n) > 10*perSecond+max(1, perSecond/10)+1 {
				c.t.Fatalf("%d requests within 10 s at %s, budget %g per second", n, s.url, perSecond)
			}
		}
	}
}
