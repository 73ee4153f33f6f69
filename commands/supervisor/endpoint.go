package supervisor

import (
	"time"

	"multirunner/helpers/backoff"
	"multirunner/network"
)

const (
	// The hold that a server is told until it has answered an empty poll.
	firstHold = 5 * time.Second
	// What we wait beyond the hold. A server that gives up first knows that it
	// did not deliver, and keeps the task.
	grace = 10 * time.Second
	// An empty answer this late, and after most of the hold, was held.
	heldFrom     = 2 * time.Second
	heldFraction = 0.8
	// An empty answer this early was not.
	quickUnder = 500 * time.Millisecond
	// So many answers running change what an endpoint counts as.
	heldRun  = 3
	quickRun = 3
	// The shortest hold that is worth a request.
	minHold = time.Second
	// Part of the cycle that holds may use. The rest is for what lies between
	// two polls, and for the jitter of the intervals: it lets neighbours in the
	// rotation change places.
	cycleUse = 0.85
	// A poll that is not back after this has met a slow server at least.
	slowAfter = 3 * time.Second
	// So many failures running, or one slow one, leave an endpoint one poll at
	// a time.
	failuresUntilProbing = 3
)

// manner is how an endpoint answers when it has no work.
type manner int

const (
	unknown manner = iota // no empty answer yet
	prompt                // at once
	holding               // after a while, within the hold that it is told
)

func (m manner) String() string {
	return [...]string{unknown: "unknown", prompt: "prompt", holding: "holding"}[m]
}

// endpoint is the feeder's state of one server, shared by its registrations.
type endpoint struct {
	url           string
	host          string
	budget        *network.PollBudget
	registrations int // in the configuration
	ready         [classes]*queue[*registration]
	inReady       int // place in feeder.withReady, 1-based

	manner      manner
	answered    bool // anything, ever
	held, quick int  // empty answers of a kind, running
	usual       time.Duration
	roundTrip   time.Duration
	demand      float64 // turns that its registrations want per cycle

	polled      time.Duration // time that its polls have taken, see fairness.go
	outstanding int           // polls and declarations in flight
	overdue     int           // of these, those that should be back by now

	failures  int // running
	failedAt  time.Time
	failing   bool      // one poll at a time, with growing gaps
	hung      bool      // and these polls take long
	probeAt   time.Time // when the next of them may start
	retry     *backoff.Backoff
	epoch     int // grows when it answers again: versions from before are not trusted
	closedTil time.Time
}

// answer notes any answer that the server itself gave. It tells whether that
// ends a failing time.
func (e *endpoint) answer() (recovered bool) {
	recovered = e.failures > 0
	if e.failing {
		e.epoch++
	}
	e.answered = true
	e.failures, e.failing, e.hung = 0, false, false
	e.retry.Reset()
	return recovered
}

// fail notes that a request, sent at the given time, was not answered as it
// should. Failures of requests that were under way together count once.
func (e *endpoint) fail(sent, now time.Time) {
	if e.failures > 0 && sent.Before(e.failedAt) {
		return
	}
	e.failures++
	e.failedAt = now
	slow := now.Sub(sent) >= heldFrom
	if !slow && e.failures < failuresUntilProbing {
		return
	}
	e.failing = true
	e.hung = slow
	e.probeAt = now.Add(e.retry.Next())
}

// measure learns from an empty answer how the endpoint holds polls.
func (e *endpoint) measure(told, elapsed time.Duration) {
	const weight = 0.3
	if e.usual == 0 {
		e.usual = elapsed
	}
	e.usual += time.Duration(weight * float64(elapsed-e.usual))

	long := elapsed >= heldFrom
	most := elapsed >= time.Duration(heldFraction*float64(told))
	early := elapsed < min(quickUnder, told/2)
	e.held, e.quick = countIf(long, e.held), countIf(early, e.quick)
	switch {
	case long && most, e.held >= heldRun:
		e.manner = holding
	case e.quick >= quickRun, e.manner == unknown:
		e.manner = prompt
	}
	trip := elapsed
	if e.manner == holding {
		trip = elapsed - told
	}
	trip = min(max(trip, 0), time.Second)
	e.roundTrip += time.Duration(weight * float64(trip-e.roundTrip))
}

func countIf(condition bool, n int) int {
	if condition {
		return n + 1
	}
	return 0
}

// expiryIsEmpty tells whether a poll that the server ended by its deadline
// means "no work": only a server known to hold does that.
func (e *endpoint) expiryIsEmpty(told, elapsed time.Duration) bool {
	return e.manner == holding && elapsed >= time.Duration(heldFraction*float64(told))
}

// overdueAfter is when a poll should have been answered, if all is well.
func (e *endpoint) overdueAfter(hold time.Duration) time.Duration {
	switch e.manner {
	case holding:
		return hold + heldFrom
	case prompt:
		return max(quickUnder, 4*e.usual)
	}
	return slowAfter
}

// mayTakeAnother tells whether one more poll may go there now. share is how
// many polls it may have in flight.
func (e *endpoint) mayTakeAnother(now time.Time, share int) bool {
	switch {
	case now.Before(e.closedTil), e.overdue > 0:
		return false
	case e.failing:
		return e.outstanding == 0 && !now.Before(e.probeAt)
	case !e.answered:
		return e.outstanding == 0
	}
	return e.outstanding < share
}

// reopens is when the endpoint may take a poll by the mere passing of time;
// ok is false when an answer must come first.
func (e *endpoint) reopens() (at time.Time, ok bool) {
	if e.overdue > 0 || (e.failing || !e.answered) && e.outstanding > 0 {
		return time.Time{}, false
	}
	at = e.closedTil
	if e.failing && e.probeAt.After(at) {
		at = e.probeAt
	}
	return at, true
}
