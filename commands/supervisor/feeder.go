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
	names         map[string]int
	live          int // endpoints with registrations in the configuration

	due      *queue[*registration] // by time
	retrying *queue[*registration] // the longest wait after an error first
	waits    *queue[*registration] // those who wait for a turn, by since when
	watch    *queue[*grant]        // polls that may become overdue, by time
	inFlight []*grant
	pending  []*job // claimed, waiting for a worker and, most of them, for a slot
	building map[*job]struct{}

	slots    slots
	fair     fairness
	phase    Phase
	deadline time.Time // of the killing phase
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
	if f.phase == Running {
		f.giveTurns(now)
	}
	f.stopIdleWorkers()
	f.fair.slotsFull(f.slots.claimable() == 0, f.slots.concurrent, now)
	f.metrics.slots(f.slots)
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

// giveTurns hands out permits as long as there are some and somebody may use
// them.
func (f *feeder) giveTurns(now time.Time) {
	for {
		for f.slots.permits() > 0 {
			r, onCredit := f.pick(now, false)
			if r == nil {
				break
			}
			f.give(r, true, now).onCredit = onCredit
		}
		f.probeHung(now)
		if !f.takeBackPermit(now) {
			return
		}
	}
}

// pick gives the registration whose turn is next, with a token of its
// endpoint's budget taken, or nil. exempt asks for one at a hanging server
// that may be polled without a permit.
func (f *feeder) pick(now time.Time, exempt bool) (r *registration, onCredit bool) {
	for {
		r, onCredit := f.fair.choose(f.firsts(now, exempt), f.slots.permits() == 1)
		if r == nil {
			return nil, false
		}
		ok, wait := r.endpoint.budget.Take()
		if ok {
			return r, onCredit
		}
		r.endpoint.closedTil = now.Add(wait)
	}
}

// firsts gives the first of each class, of all endpoints that may take a poll.
func (f *feeder) firsts(now time.Time, exempt bool) (first [classes]*registration) {
	share := f.slots.share(f.live)
	for _, e := range f.withReady {
		if exempt != f.exempt(e) || !e.mayTakeAnother(now, share) {
			continue
		}
		for class, q := range e.ready {
			before := f.fair.sooner
			if class == int(busy) {
				before = startsFirst
			}
			if r, ok := q.first(); ok && (first[class] == nil || before(r, first[class])) {
				first[class] = r
			}
		}
	}
	return first
}

// exempt tells whether polls at the endpoint go without a permit.
func (f *feeder) exempt(e *endpoint) bool {
	return e.failing && e.hung && f.slots.concurrent <= fewSlots
}

// probeHung asks servers that hang whether they are back, where that must not
// cost a permit.
func (f *feeder) probeHung(now time.Time) {
	for f.slots.exemptAllowed() && len(f.pending) == 0 {
		r, _ := f.pick(now, true)
		if r == nil {
			return
		}
		f.give(r, false, now)
		f.metrics.withoutPermit()
	}
}

// takeBackPermit frees the permit of a poll that does not come back, when
// there are few of them and somebody at another server waits. The poll goes
// on without.
func (f *feeder) takeBackPermit(now time.Time) bool {
	if f.slots.permits() > 0 || !f.slots.exemptAllowed() {
		return false
	}
	for _, g := range f.inFlight {
		if !g.permit || !g.overdue || now.Before(g.slowAt) || !f.waitsElsewhere(g.endpoint, now) {
			continue
		}
		g.permit = false
		f.slots.polling--
		f.slots.exempt++
		f.metrics.withoutPermit()
		return true
	}
	return false
}

func (f *feeder) waitsElsewhere(than *endpoint, now time.Time) bool {
	for _, e := range f.withReady {
		if e != than && !f.exempt(e) && e.mayTakeAnother(now, 1) {
			return true
		}
	}
	return false
}

// give hands a turn to a worker.
func (f *feeder) give(r *registration, permit bool, now time.Time) *grant {
	e := r.endpoint
	f.metrics.turn(r.name(), now.Sub(r.readySince))
	f.unplace(r)
	if r.declared { // a declaration is half a turn: the poll follows
		f.fair.granted(r)
	}
	g := &grant{
		entry:        r.entry,
		client:       r.client,
		declare:      !r.declared,
		version:      r.versionToSend(now),
		hold:         f.holdFor(e),
		sent:         now,
		registration: r,
		endpoint:     e,
		permit:       permit,
	}
	if g.version == 0 && !g.declare {
		r.versionAt = now
	}
	g.overdueAt = now.Add(e.overdueAfter(g.hold))
	if g.declare {
		g.overdueAt = now.Add(slowAfter)
	}
	g.slowAt = later(g.overdueAt, now.Add(slowAfter))
	g.watchAt = g.overdueAt
	f.watch.push(g)

	r.grant = g
	f.setShare(r, 1)
	e.outstanding++
	f.inFlight = append(f.inFlight, g)
	g.inFlight = len(f.inFlight)
	if permit {
		f.slots.polling++
	} else {
		f.slots.exempt++
	}
	f.handOut(feed{grant: g})
	return g
}

// handOut gives work to an idle worker, a new one if there is none.
func (f *feeder) handOut(work feed) {
	if f.slots.idle == 0 {
		f.startWorker()
	}
	f.slots.idle--
	f.send(work)
}

func (f *feeder) startWorker() {
	f.slots.workers++
	f.slots.idle++
	f.spawn()
}

// updateWorkers changes the number of slots. Workers for a larger number are
// there before the number counts; a smaller one counts at once, and ends
// nothing.
func (f *feeder) updateWorkers(concurrent int) {
	for f.slots.workers < concurrent {
		f.startWorker()
	}
	f.slots.concurrent = concurrent
}

// stopIdleWorkers ends workers that nobody needs any more.
func (f *feeder) stopIdleWorkers() {
	for f.slots.workers > f.slots.concurrent && f.slots.idle > 0 {
		f.slots.workers--
		f.slots.idle--
		f.send(feed{})
	}
}

// holdFor is the hold that an endpoint is told. Where servers hold polls, the
// slots are shared in time: each registration is to have its turn once per
// cycle.
func (f *feeder) holdFor(e *endpoint) time.Duration {
	switch e.manner {
	case unknown:
		return min(firstHold, f.set.fetchTimeout)
	case prompt:
		return f.set.fetchTimeout
	}
	var demand float64
	for _, other := range f.endpoints {
		if other.manner == holding {
			demand += other.demand
		}
	}
	if f.waiting(busy) > 0 {
		return min(minHold, f.set.fetchTimeout)
	}
	slots := f.slots.share(f.live)
	hold := time.Duration(cycleUse*float64(f.set.cycleTarget)*float64(slots)/max(1, demand)) - e.roundTrip
	return min(max(hold, minHold), f.set.fetchTimeout)
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
	if f.phase != Running {
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

func (f *feeder) waiting(c class) int {
	n := 0
	for _, e := range f.withReady {
		n += e.ready[c].len()
	}
	return n
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
