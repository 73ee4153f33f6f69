package supervisor

import (
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/helpers/backoff"
	"multirunner/network"
)

// Health is what an operator wants to know of a registration.
type Health string

const (
	HealthNew           Health = "new"           // not asked yet
	HealthWell          Health = "well"          // the last answer was one
	HealthFailing       Health = "failing"       // the last one was an error
	HealthUnregistered  Health = "unregistered"  // the server does not know it
	HealthSpent         Health = "spent"         // ephemeral, and had its task
	HealthMisconfigured Health = "misconfigured" // cannot be polled as it is configured
)

// logFor gives the log of a registration.
func (f *feeder) logFor(en *entry) logrus.FieldLogger {
	return f.log.WithFields(logrus.Fields{"runner": en.runner.Name, "host": en.host})
}

// well notes an answer.
func (f *feeder) well(r *registration) {
	if r.complained {
		f.logFor(r.entry).Info("Registration is well again.")
	}
	r.health, r.complained = HealthWell, false
	r.retry, r.retryDelay = nil, 0
	f.retrying.remove(r)
}

// unregistered notes that the server does not know the registration, and says
// once what to do.
func (f *feeder) unregistered(r *registration, now time.Time) {
	if r.health != HealthUnregistered {
		f.logFor(r.entry).WithField("uuid", r.entry.id.UUID).Errorf(
			"The server does not know this registration (any more): it was removed there, or uuid and token do not belong together. "+
				"Remove it with `runner unregister --name %q` and register again. Until then it is asked every %s.",
			r.entry.runner.Name, unregisteredInterval)
	}
	r.health, r.complained = HealthUnregistered, true
	r.retry = nil
	f.retryIn(r, now, backoff.Jitter(unregisteredInterval, jitter, f.rand))
	r.forgetVersion()
}

// failing notes an error; the first of a row is logged for people.
func (f *feeder) failing(rep report, r *registration, class network.Class) {
	log := f.logFor(r.entry).WithError(rep.err).WithField("class", class.String())
	if r.health != HealthUnregistered {
		r.health = HealthFailing
	}
	// Of a server that fails, the first registration to notice tells.
	if r.complained || serverFails(class) && rep.grant.endpoint.failures > 1 {
		log.Debugf("%s failed; the next try is in %s.", rep.method, r.retryDelay.Round(time.Millisecond))
		return
	}
	r.complained = true
	if class == network.ClassWrongServer {
		log.Errorf("%s is not a Gitea or Forgejo instance, or a page stands before it: look at the url of this registration. "+
			"It is asked again, at last every %s; further failures are logged at level debug.", r.entry.runner.URL, retryMax)
		return
	}
	log.Warnf("%s failed. It is tried again, at last every %s; further failures are logged at level debug.", rep.method, retryMax)
}

// serverFails tells which errors are about the server, and so about all of its
// registrations, and not about the one that met it.
func serverFails(class network.Class) bool {
	switch class {
	case network.ClassBusy, network.ClassExpired, network.ClassPatience, network.ClassTransport,
		network.ClassUnimplemented, network.ClassWrongServer:
		return true
	}
	return false
}

// asksForLess tells which errors may come from load. A connection that is
// refused or breaks is none of them: it costs the server nothing, and a server
// that was away for a moment is to be asked as before when it is back.
func asksForLess(class network.Class) bool {
	switch class {
	case network.ClassBusy, network.ClassExpired, network.ClassPatience:
		return true
	}
	return false
}

// judgeEndpoint learns about the server from a turn.
func (f *feeder) judgeEndpoint(rep report, now time.Time) {
	g, e := rep.grant, rep.grant.endpoint
	switch rep.outcome {
	case outcomeNoRoom, outcomeFault, outcomePanic, outcomeSkipped:
		return
	case outcomeEmpty:
		e.measure(g.hold, rep.elapsed)
	case outcomeRefused:
		class := f.classify(rep.err)
		if class == network.ClassExpired && !g.declare && e.expiryIsEmpty(g.hold, rep.elapsed) {
			break
		}
		if serverFails(class) {
			f.endpointFails(e, g, class, now)
			return
		}
	}
	failing := e.failing
	if e.answer() && failing {
		f.log.WithField("host", e.host).Info("Server answers again.")
	}
}

func (f *feeder) endpointFails(e *endpoint, g *grant, class network.Class, now time.Time) {
	before := e.failing
	e.fail(g.sent, now)
	if asksForLess(class) {
		e.budget.Busy()
	}
	if e.failing && !before {
		f.log.WithField("host", e.host).Warnf(
			"Server does not answer as it should (%s): its registrations are asked one at a time, at last every %s, until it does.",
			class, retryMax)
	}
}

// noRoom notes that an executor has no room. The first registration to meet it
// tells.
func (f *feeder) noRoom(rep report) {
	log := f.logFor(rep.grant.entry).WithError(rep.err)
	if f.fullMachine {
		log.Debug("Not polled.")
		return
	}
	f.fullMachine = true
	log.Warn("Registrations are not polled until the executor has room again.")
}

// brake makes a registration wait after a job that could not be started: else
// a machine that cannot start any would fail all the jobs there are.
func (f *feeder) brake(r *registration, now time.Time) {
	if r.brake == nil {
		r.brake = backoff.New(retryMin, retryMax, jitter, f.rand)
		f.logFor(r.entry).Warnf("Registration is polled less, at last every %s, until a job of it can be started.", retryMax)
	}
	wait := r.brake.Next()
	r.brakeUntil = now.Add(wait)
	f.dueAt(r, later(r.due, now), wait)
}

// faulty notes something of our own that keeps a registration from polling.
func (f *feeder) faulty(rep report, r *registration) {
	log := f.logFor(r.entry).WithError(rep.err)
	if r.complained {
		log.Debug("Registration still cannot be polled.")
	} else {
		log.Errorf("Registration cannot be polled. It is tried again, at last every %s.", retryMax)
	}
	r.health, r.complained = HealthFailing, true
}
