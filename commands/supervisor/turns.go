package supervisor

import "time"

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
// A poll at an endpoint that fails is a question to the server, and not the
// turn of somebody with a backlog.
func (f *feeder) firsts(now time.Time, exempt bool) (first [classes]*registration) {
	share := f.slots.share(f.live)
	for _, e := range f.withReady {
		if exempt != f.exempt(e) || !e.mayTakeAnother(now, share) {
			continue
		}
		for c, q := range e.ready {
			c, sooner := class(c), startsFirst
			if c != busy || e.failing {
				c, sooner = max(c, hot), f.fair.sooner
			}
			if r, ok := q.first(); ok && (first[c] == nil || sooner(r, first[c])) {
				first[c] = r
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
		epoch:        e.epoch,
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

func (f *feeder) waiting(c class) int {
	n := 0
	for _, e := range f.withReady {
		n += e.ready[c].len()
	}
	return n
}
