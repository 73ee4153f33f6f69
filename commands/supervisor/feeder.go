package supervisor

import (
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/backoff"
	"multirunner/network"
)

// feeder decides who may poll, when, and for how long. It owns all that
// changes: registrations, endpoints, slots. One goroutine, feedRunners, calls
// its methods; others send it events. It calls nothing that blocks. Time comes
// in as an argument.
type feeder struct {
	set     settings
	log     logrus.FieldLogger
	metrics *Metrics
	rand    func() float64
	// classify tells what an error of a call means.
	classify func(error) network.Class

	// send hands work to an idle worker, spawn starts one.
	send  func(feed)
	spawn func()

	providers     common.Providers
	faults        map[string]error // of executors
	registrations map[common.RegistrationID]*registration
	endpoints     map[string]*endpoint
	withReady     []*endpoint // those where somebody waits for a turn
	paused        map[common.RegistrationID]bool
	spent         map[common.RegistrationID]bool
	names         map[string]int
	live          int // endpoints with registrations in the configuration

	due      *queue[*registration] // by time
	retrying *queue[*registration] // the longest wait after an error first
	waits    *queue[*registration] // those who wait for a turn, by since when
	watch    *queue[*grant]        // polls that may become overdue, by time
	inFlight []*grant
	pending  []*job // claimed, waiting for a worker and, most of them, for a slot
	building map[*job]struct{}
	lastEnd  time.Time // of a job

	fullMachine bool // an executor had no room, and that was logged
	slots       slots
	fair        fairness
	phase       Phase
	deadline    time.Time // of the killing phase
	held        bool      // no turns are given, see Hold
	left        bool      // workers let go of their jobs, see Leave
}

func newFeeder(set settings, log logrus.FieldLogger, metrics *Metrics, rand func() float64) *feeder {
	f := &feeder{
		set:           set,
		log:           log,
		metrics:       metrics,
		rand:          rand,
		classify:      network.Classify,
		fair:          fairness{credit: quietAtStart},
		registrations: map[common.RegistrationID]*registration{},
		endpoints:     map[string]*endpoint{},
		paused:        map[common.RegistrationID]bool{},
		spent:         map[common.RegistrationID]bool{},
		names:         map[string]int{},
		building:      map[*job]struct{}{},
		due: newQueue(func(a, b *registration) bool { return a.due.Before(b.due) },
			func(r *registration) *int { return &r.inDue }),
		retrying: newQueue(func(a, b *registration) bool { return a.retryDelay > b.retryDelay },
			func(r *registration) *int { return &r.inRetry }),
		waits: newQueue(firstCome, func(r *registration) *int { return &r.inWait }),
		watch: newQueue(func(a, b *grant) bool { return a.watchAt.Before(b.watchAt) },
			func(g *grant) *int { return &g.inWatch }),
	}
	return f
}

// step does all that can be done now.
func (f *feeder) step(now time.Time) {
	f.wakeDue(now)
	f.watchPolls(now)
	f.startJobs(now)
	if f.phase == Running && !f.held {
		f.giveTurns(now)
	}
	f.stopIdleWorkers()
	f.fair.slotsFull(f.slots.claimable() == 0, f.slots.concurrent, now)
	f.metrics.slots(f.slots)
	f.metrics.backoff(f.longestRetry())
	f.metrics.oldestWait(f.oldestReady())
}

// wakeDue lets everybody whose time has come wait for a turn.
func (f *feeder) wakeDue(now time.Time) {
	for {
		r, ok := f.due.first()
		if !ok || r.due.After(now) {
			return
		}
		f.settle(r, now)
	}
}

// watchPolls notes which polls should have been answered by now: their server
// gets no more of them until they are back.
func (f *feeder) watchPolls(now time.Time) {
	for {
		g, ok := f.watch.first()
		if !ok || g.watchAt.After(now) {
			return
		}
		f.watch.remove(g)
		if !g.overdue {
			g.overdue = true
			g.endpoint.overdue++
		}
		if g.slowAt.After(now) {
			g.watchAt = g.slowAt
			f.watch.push(g)
		}
	}
}

// settle puts a registration where it belongs: to those who wait for their
// time, to those who wait for a turn, or nowhere.
func (f *feeder) settle(r *registration, now time.Time) {
	f.unplace(r)
	switch {
	case r.grant != nil:
		return
	case r.removed && r.jobs == 0:
		f.forget(r)
	case !r.mayPoll():
		f.setShare(r, 0)
	case r.due.After(now):
		f.due.push(r)
		f.setShare(r, min(1, float64(f.set.cycleTarget)/float64(max(r.delay, 1))))
	default:
		f.setShare(r, 1)
		f.fair.enter(r, now)
		r.endpoint.ready[r.readyClass].push(r)
		f.waits.push(r)
		f.noteReady(r.endpoint)
	}
}

func (f *feeder) unplace(r *registration) {
	f.due.remove(r)
	if r.inReady > 0 {
		r.endpoint.ready[r.readyClass].remove(r)
		f.waits.remove(r)
		f.noteReady(r.endpoint)
	}
}

func (f *feeder) setShare(r *registration, share float64) {
	r.endpoint.demand += share - r.share
	r.share = share
}

// noteReady keeps withReady right.
func (f *feeder) noteReady(e *endpoint) {
	waiting := e.ready[busy].len()+e.ready[hot].len()+e.ready[cold].len() > 0
	if waiting == (e.inReady > 0) {
		return
	}
	if waiting {
		f.fair.arrive(e)
		f.withReady = append(f.withReady, e)
		e.inReady = len(f.withReady)
		return
	}
	last := f.withReady[len(f.withReady)-1]
	f.withReady[e.inReady-1], last.inReady = last, e.inReady
	f.withReady = f.withReady[:len(f.withReady)-1]
	e.inReady = 0
}

// nextWake is when something happens by the mere passing of time; zero means
// never.
func (f *feeder) nextWake(now time.Time) time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !f.deadline.IsZero() {
		sooner(f.deadline)
	}
	if f.phase != Running || f.held {
		return next
	}
	if r, ok := f.due.first(); ok {
		sooner(r.due)
	}
	if g, ok := f.watch.first(); ok {
		sooner(g.watchAt)
	}
	if f.slots.permits() <= 0 && !f.slots.exemptAllowed() {
		return next
	}
	for _, e := range f.withReady {
		if at, ok := e.reopens(); ok && at.After(now) {
			sooner(at)
		}
	}
	return next
}

// oldestReady is since when the first of those who wait does; zero: nobody.
func (f *feeder) oldestReady() time.Time {
	if r, ok := f.waits.first(); ok {
		return r.readySince
	}
	return time.Time{}
}

// endpointOf gives the endpoint of a registration, a new one if need be.
func (f *feeder) endpointOf(en *entry) *endpoint {
	if e, ok := f.endpoints[en.id.URL]; ok {
		return e
	}
	e := &endpoint{
		url:    en.id.URL,
		host:   en.host,
		budget: network.NewBudget(f.set.requestRate, 0).Polls,
		retry:  backoff.New(retryMin, retryMax, jitter, f.rand),
		ready:  newReadyQueues(),
	}
	f.endpoints[e.url] = e
	return e
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
