package supervisor

import "time"

// Turns are given in two manners. While slots are free, those who wait are
// served in the order in which they became due, three hot ones for each cold
// one. While all slots are wanted, the hot and the cold ones are each served
// by start-time fair queueing: a registration's next job starts, in virtual
// time, when its last one ended there, and lasts 1/weight; the smallest start
// is served first. Virtual time is the start of the job that was granted last,
// so that nobody saves up turns by being idle.

const (
	hotTurns = 3
	// An empty answer costs this part of a job. Without it, idle registrations
	// could stay before a busy one for ever.
	emptyCost = 1.0 / 8
)

// readyQueue holds the registrations of one endpoint and class that wait for
// a turn, in both orders.
type readyQueue struct {
	byOrder *queue[*registration]
	byStart *queue[*registration]
}

func newReadyQueue() readyQueue {
	return readyQueue{
		byOrder: newQueue(before, func(r *registration) *int { return &r.inOrder }),
		byStart: newQueue(startsBefore, func(r *registration) *int { return &r.inFair }),
	}
}

func before(a, b *registration) bool { return a.readyOrder < b.readyOrder }

func startsBefore(a, b *registration) bool {
	if a.fairStart != b.fairStart {
		return a.fairStart < b.fairStart
	}
	return before(a, b)
}

func (q readyQueue) push(r *registration) {
	q.byOrder.push(r)
	q.byStart.push(r)
}

func (q readyQueue) remove(r *registration) {
	q.byOrder.remove(r)
	q.byStart.remove(r)
}

// fairness decides between those who wait.
type fairness struct {
	now       float64 // virtual time
	turn      int     // hot turns since the last cold one
	order     uint64
	saturated bool
}

// enter gives a registration that becomes ready its place in both orders.
func (f *fairness) enter(r *registration, now time.Time) {
	f.order++
	r.readyOrder = f.order
	r.readySince = now
	r.readyClass = r.classAt(now)
	r.fairStart = max(f.now, r.fairFinish)
}

// granted counts a turn for the mix of hot and cold.
func (f *fairness) granted(c class) {
	if c == cold {
		f.turn = 0
		return
	}
	f.turn++
}

// classOrder says which class is served next, and which when that is empty.
func (f *fairness) classOrder() [classes]class {
	if f.turn >= hotTurns {
		return [classes]class{cold, hot}
	}
	return [classes]class{hot, cold}
}

// gotJob charges a registration for a job.
func (f *fairness) gotJob(r *registration) {
	f.now = max(f.now, r.fairStart)
	r.fairFinish = max(r.fairStart, r.fairFinish) + 1/r.entry.weight()
}

// gotNothing charges a registration for a turn that another could have used.
func (f *fairness) gotNothing(r *registration) {
	if f.saturated {
		r.fairFinish = max(r.fairStart, r.fairFinish) + emptyCost/r.entry.weight()
	}
}

// better tells whether a is served before b.
func (f *fairness) better(a, b *registration) bool {
	if f.saturated {
		return startsBefore(a, b)
	}
	return before(a, b)
}

// head is who is next in a queue.
func (f *fairness) head(q readyQueue) (*registration, bool) {
	if f.saturated {
		return q.byStart.first()
	}
	return q.byOrder.first()
}
