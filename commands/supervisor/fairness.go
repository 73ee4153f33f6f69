package supervisor

import "time"

// Who waits for a turn is of one of three classes: busy ones, whose last poll
// brought a job, so that there may be more; hot ones, which had a job lately;
// and cold ones.
//
// Of the hot and cold ones of a server the one is served whose last turn is the
// longest ago, and of four turns one is the cold ones'. Between servers the one
// whose polls have taken the least time goes first, so that a slow server
// delays its own registrations and not those of the others.
//
// Busy ones are served by start-time fair queueing: a registration's next job
// starts, in virtual time, when its last one ended there, and lasts 1/weight;
// the smallest start is served first. Virtual time is the start of the job
// that was granted last, so that nobody saves up turns by being idle.
//
// The last free slot is the busy ones': a turn of theirs fills it. What else
// would be asked then, mostly for nothing, is limited by a credit: a small part
// of the time in which all slots run builds. So registrations whose first job
// comes while all slots are wanted are found, and few slots stay empty.
type class int

const (
	busy class = iota
	hot
	cold
	classes
)

const (
	warmTurns = 3 // busy and hot turns for each cold one
	// The part of the time of all slots that may go into asking others than
	// busy ones, and how much of it is kept at most.
	quietPart    = 0.05
	quietMax     = time.Minute
	quietAtStart = 5 * time.Second
	// What a turn costs at least: the answer may be quick, but the budget of
	// the endpoint makes the next one wait.
	quietCost = 50 * time.Millisecond
	// A server whose polls have taken less time by this goes before another's
	// busy ones too.
	polledSlack = 500 * time.Millisecond
)

// fairness decides between those who wait.
type fairness struct {
	now    float64       // virtual time of the busy ones
	polled time.Duration // poll time of the server that was served last
	turn   int           // turns since the last cold one
	turns  uint64        // given so far
	order  uint64        // of becoming ready
	credit time.Duration
	since  time.Time // when all slots became full; zero: they are not
}

// enter gives a registration that becomes ready its place.
func (f *fairness) enter(r *registration, now time.Time) {
	f.order++
	r.readyOrder = f.order
	r.readySince = now
	r.readyClass = r.classAt(now)
	r.fairStart = max(f.now, r.fairFinish)
}

// gotJob charges a registration for a job.
func (f *fairness) gotJob(r *registration) {
	f.now = max(f.now, r.fairStart)
	r.fairFinish = max(r.fairStart, r.fairFinish) + 1/r.entry.weight()
}

// slotsFull tells, at each change, whether builds run in all slots.
func (f *fairness) slotsFull(full bool, slots int, now time.Time) {
	if !f.since.IsZero() {
		earned := time.Duration(quietPart * float64(slots) * float64(now.Sub(f.since)))
		f.credit = min(f.credit+earned, quietMax)
	}
	f.since = time.Time{}
	if full {
		f.since = now
	}
}

// spent charges for a turn on credit.
func (f *fairness) spent(took time.Duration) { f.credit -= max(took, quietCost) }

// arrive gives a server somebody of which is ready its place among the others:
// having been idle is no advantage.
func (f *fairness) arrive(e *endpoint) { e.polled = max(e.polled, f.polled) }

// sooner tells whether a, which is as hot or cold as b, is served before it.
func (f *fairness) sooner(a, b *registration) bool {
	if a.endpoint != b.endpoint && a.endpoint.polled != b.endpoint.polled {
		return a.endpoint.polled < b.endpoint.polled
	}
	return longestAgo(a, b)
}

// granted counts a turn.
func (f *fairness) granted(r *registration) {
	if r.readyClass != busy {
		f.polled = max(f.polled, r.endpoint.polled)
	}
	f.turns++
	r.lastTurn = f.turns
	f.turn++
	if r.readyClass == cold {
		f.turn = 0
	}
}

// choose says who of the first of each class is served; onCredit that it is
// one that the last slot would not have been given to.
func (f *fairness) choose(first [classes]*registration, lastSlot bool) (r *registration, onCredit bool) {
	quiet, working, coldsTurn := first[hot], first[busy], false
	if quiet == nil || f.turn >= warmTurns && first[cold] != nil {
		quiet, coldsTurn = first[cold], f.turn >= warmTurns
	}
	switch {
	case working == nil || quiet == nil:
		if working == nil {
			return quiet, false
		}
		return working, false
	case quiet.endpoint.polled+polledSlack < working.endpoint.polled:
		return quiet, false
	case lastSlot && f.credit > 0:
		return quiet, true
	case coldsTurn:
		return quiet, false
	case quiet == first[hot] && !lastSlot && longestAgo(quiet, working):
		return quiet, false
	}
	return working, false
}

// newReadyQueues makes an endpoint's queues of those who wait, by class.
func newReadyQueues() (queues [classes]*queue[*registration]) {
	for c := range queues {
		before := longestAgo
		if class(c) == busy {
			before = startsFirst
		}
		queues[c] = newQueue(before, func(r *registration) *int { return &r.inReady })
	}
	return queues
}

func longestAgo(a, b *registration) bool {
	if a.lastTurn != b.lastTurn {
		return a.lastTurn < b.lastTurn
	}
	return firstCome(a, b)
}

func firstCome(a, b *registration) bool { return a.readyOrder < b.readyOrder }

func startsFirst(a, b *registration) bool {
	if a.fairStart != b.fairStart {
		return a.fairStart < b.fairStart
	}
	return firstCome(a, b)
}
