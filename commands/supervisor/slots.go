package supervisor

import "time"

// slots counts who occupies the build slots. Only the feeder touches it.
//
// A poll in flight may be answered with a task, so it needs a slot: running +
// polling never exceed concurrent. The one exception is a poll at a server
// that hangs while there are few slots (exempt): without it that server would
// keep the others from being asked. What such a poll brings waits for a slot.
type slots struct {
	concurrent int
	running    int // builds
	polling    int // polls with a permit
	exempt     int // polls without one
	workers    int // goroutines that take from runners
	idle       int // of these, those that wait for work
}

// fewSlots is up to how many slots a hanging server is asked without a permit.
const fewSlots = 2

// permits is how many polls may start now.
func (s *slots) permits() int { return s.concurrent - s.running - s.polling }

// claimable is how many slots no build occupies.
func (s *slots) claimable() int { return max(0, s.concurrent-s.running) }

// share is how many polls one endpoint may have in flight: where there are
// others, one slot is left to them, so that a server that stops answering
// does not take all.
func (s *slots) share(endpoints int) int {
	if endpoints > 1 {
		return max(1, s.claimable()-1)
	}
	return s.claimable()
}

// exemptAllowed tells whether a poll may go without a permit: there are few
// slots, and one of them is not running a build.
func (s *slots) exemptAllowed() bool {
	return s.concurrent <= fewSlots && s.claimable() > 0
}

// grant is a turn: the permission to send one request for a registration.
// Workers read it; what is said to be the feeder's they leave alone.
type grant struct {
	entry   *entry
	client  Client // nil: dial
	declare bool   // tell the server version and labels, instead of polling
	version int64
	hold    time.Duration // what the server is told
	sent    time.Time     // when it was handed out

	// The feeder's.
	registration *registration
	endpoint     *endpoint
	epoch        int // the endpoint's
	permit       bool
	onCredit     bool      // see fairness
	overdue      bool      // the endpoint counts it as such
	overdueAt    time.Time // when it does
	slowAt       time.Time // from when on its permit may be taken back
	watchAt      time.Time // the next of these
	inWatch      int       // place in feeder.watch
	inFlight     int       // place in feeder.inFlight, 1-based
}

// feed is what a worker takes from the runners channel: a turn, a job, or
// neither, which means that the worker is not needed any more.
type feed struct {
	grant *grant
	job   *job
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
