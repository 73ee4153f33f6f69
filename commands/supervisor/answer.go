package supervisor

import (
	"errors"
	"time"

	"multirunner/helpers/backoff"
	"multirunner/network"
)

// outcome is what came of a turn.
type outcome int

const (
	outcomeTask      outcome = iota // at least one new task
	outcomeEmpty                    // no work
	outcomeDuplicate                // only tasks that were claimed before
	outcomeDeclared                 // the server knows version and labels
	outcomeRefused                  // the call failed; err says how
	outcomeNoRoom                   // an executor has no room; nothing was asked
	outcomeFault                    // something of our own failed; nothing was asked
	outcomePanic                    // a panic ended the turn
	outcomeSkipped                  // the supervisor is stopping; nothing was asked
)

func (o outcome) String() string {
	return [...]string{"task", "empty", "duplicate", "declared", "error", "no room", "fault", "panic", "skipped"}[o]
}

// report is a worker's account of a turn. The worker is idle again.
type report struct {
	grant    *grant
	outcome  outcome
	method   string // of the failed call
	err      error
	client   Client // when it was dialled, or known before
	declared network.Declared
	version  int64         // of the answer
	elapsed  time.Duration // of the poll
	jobs     []*job        // claimed
}

func (rep report) apply(f *feeder, now time.Time) {
	g := rep.grant
	r := g.registration
	f.slots.idle++
	f.closeGrant(g, now)
	f.countAnswer(rep)
	f.judgeEndpoint(rep, now)
	for _, j := range rep.jobs {
		f.acceptJob(j, r)
	}
	if r.entry != g.entry && rep.outcome != outcomeTask {
		// The configuration changed meanwhile: what was learnt is about the
		// old one, and the turn of the new one is settled already.
		f.settle(r, now)
		return
	}
	if r.entry == g.entry {
		r.client = rep.client
		r.outcome, r.outcomeAt = rep.outcome.String(), now
		if rep.err != nil {
			r.outcome += ": " + rep.err.Error()
		}
	}
	f.judge(rep, r, now)
	f.settle(r, now)
}

func (f *feeder) closeGrant(g *grant, now time.Time) {
	f.watch.remove(g)
	if g.overdue {
		g.endpoint.overdue--
	}
	g.endpoint.outstanding--
	last := f.inFlight[len(f.inFlight)-1]
	f.inFlight[g.inFlight-1], last.inFlight = last, g.inFlight
	f.inFlight[len(f.inFlight)-1] = nil
	f.inFlight = f.inFlight[:len(f.inFlight)-1]
	if g.permit {
		f.slots.polling--
	} else {
		f.slots.exempt--
	}
	g.endpoint.polled += now.Sub(g.sent)
	if g.onCredit {
		f.fair.spent(now.Sub(g.sent))
	}
	g.registration.grant = nil
}

// judge decides when the registration polls next, and with which version.
func (f *feeder) judge(rep report, r *registration, now time.Time) {
	r.backlog = false
	if rep.outcome != outcomeSkipped && rep.outcome != outcomeDeclared { // these ask no executor
		r.noRoom = ""
	}
	if rep.outcome == outcomeTask || rep.outcome == outcomeEmpty {
		f.fullMachine = false
	}
	switch rep.outcome {
	case outcomeTask:
		f.well(r)
		f.requeueRunner(r, now)
		r.epoch = rep.grant.epoch
	case outcomeDeclared:
		f.well(r)
		r.declared, r.capabilities = true, rep.declared.Capabilities
		r.forgetVersion()
		f.dueAt(r, now, 0)
	case outcomeEmpty:
		f.well(r)
		r.version, r.epoch = rep.version, rep.grant.epoch
		f.dueAfterEmpty(r, rep.grant.sent, now)
	case outcomeDuplicate:
		f.well(r)
		r.forgetVersion()
		f.dueAfterEmpty(r, rep.grant.sent, now)
	case outcomeNoRoom:
		f.noRoom(rep)
		r.noRoom = rep.err.Error()
		wait := backoff.Jitter(r.interval(f.set, now), jitter, f.rand)
		f.dueAt(r, now.Add(wait), wait)
	case outcomeSkipped:
		f.dueAt(r, now, 0)
	case outcomeFault, outcomePanic:
		f.dueAfterError(r, now)
		f.faulty(rep, r)
	case outcomeRefused:
		f.judgeRefusal(rep, r, now)
	}
}

// judgeRefusal is judge for a call that failed.
func (f *feeder) judgeRefusal(rep report, r *registration, now time.Time) {
	class := f.classify(rep.err)
	g := rep.grant
	switch {
	case class == network.ClassUnregistered:
		f.unregistered(r, now)
		return
	case class == network.ClassExpired && !g.declare && g.endpoint.expiryIsEmpty(g.hold, rep.elapsed):
		f.well(r)
		f.dueAfterEmpty(r, g.sent, now)
		return
	}
	first := r.retry == nil
	f.dueAfterError(r, now)
	f.failing(rep, r, class)
	if mayHaveTask(rep.err, class) && !g.declare {
		// The server may have given us a task that did not arrive. Asked again
		// with the same key, some servers answer with it.
		f.metrics.claimSuspected()
		r.forgetVersion()
		if first {
			f.dueAt(r, now, 0)
		}
	}
}

// mayHaveTask tells whether a failed poll may have left a task behind that the
// server believes to be ours.
func mayHaveTask(err error, class network.Class) bool {
	var transport *network.TransportError
	if errors.As(err, &transport) {
		return transport.Sent
	}
	switch class {
	case network.ClassPatience, network.ClassTransport, network.ClassExpired:
		return true
	}
	return network.RequestSent(err)
}

// requeueRunner puts a registration that got a task in line again, at once:
// there may be more, also under the same tasks version.
func (f *feeder) requeueRunner(r *registration, now time.Time) {
	r.lastJob = now
	r.empties = 0
	r.backlog = true
	r.forgetVersion()
	f.fair.gotJob(r)
	if r.entry.runner.Ephemeral {
		f.spent[r.entry.id] = true
		f.noteSpent(r)
		f.logFor(r.entry).Info("Ephemeral registration has had its one task, and is not polled any more.")
	}
	f.dueAt(r, now, 0)
}

// dueAt sets the next turn; delay is the wait that it comes from.
func (f *feeder) dueAt(r *registration, at time.Time, delay time.Duration) {
	r.due, r.delay = later(at, r.brakeUntil), delay
}

// dueAfterEmpty counts the interval from the start of the poll: a server that
// held it for as long has let the time pass already.
func (f *feeder) dueAfterEmpty(r *registration, sent, now time.Time) {
	r.empties++
	wait := backoff.Jitter(r.interval(f.set, now), jitter, f.rand)
	f.dueAt(r, later(sent.Add(wait), now), wait)
}

func (f *feeder) dueAfterError(r *registration, now time.Time) {
	if r.retry == nil {
		r.retry = backoff.New(retryMin, retryMax, jitter, f.rand)
	}
	f.retryIn(r, now, r.retry.Next())
}

func (f *feeder) retryIn(r *registration, now time.Time, wait time.Duration) {
	r.retryDelay = wait
	f.retrying.push(r)
	f.dueAt(r, now.Add(wait), wait)
}

func (f *feeder) longestRetry() time.Duration {
	if r, ok := f.retrying.first(); ok {
		return r.retryDelay
	}
	return 0
}

// acceptJob takes a claimed task over from a worker.
func (f *feeder) acceptJob(j *job, r *registration) {
	j.registration = r
	j.capabilities = r.capabilities
	r.jobs++
	if f.phase >= Cancelling && j.refuse == "" {
		j.refuse = refusedByStop
	}
	f.pending = append(f.pending, j)
	f.metrics.running(r.name(), f.jobsOf(r))
}

// startJobs hands claimed tasks to workers as slots are free: before anybody
// may poll, since the server believes that they run.
func (f *feeder) startJobs(now time.Time) {
	waiting := f.pending[:0]
	for _, j := range f.pending {
		free := f.slots.running+f.slots.polling < f.slots.concurrent
		if j.refuse == "" && j.build == nil && !free {
			waiting = append(waiting, j)
			continue
		}
		if j.refuse == "" {
			j.slot = true
			f.slots.running++
		}
		j.since = now
		f.building[j] = struct{}{}
		f.handOut(feed{job: j})
	}
	clear(f.pending[len(waiting):])
	f.pending = waiting
}
