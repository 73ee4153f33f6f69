package coordinator

import (
	"context"
	"time"
)

// EventKind says what happened.
type EventKind int

const (
	RunPlanned   EventKind = iota + 1
	JobPlanned             // a job waits for a runner, or for its turn in its matrix
	JobSkipped             // its condition is false
	JobPicked              // a runner has it
	StateChanged           // of the task or of a step
	LogRows                // rows are stored
	JobFinished            // also without a runner, then with Job.Message
	RunFinished
)

// Event is something that happened. Job is set from JobPlanned to JobFinished,
// Task from JobPicked on.
type Event struct {
	Kind  EventKind
	At    time.Time
	RunID int64
	Name  string // of the run
	Job   JobInfo
	Task  TaskInfo
	// Rows are the new rows of LogRows, FirstRow is the index of the first.
	FirstRow int64
	Rows     []LogLine
	Status   Status // of RunFinished
}

// Subscription is a queue of events without bound: the server never waits for
// who reads it, and whoever reads it misses nothing.
type Subscription struct {
	server *Server

	// Guarded by the server's mu.
	queue  []Event
	filled chan struct{} // holds a token when the queue may have something
	closed bool
}

// Events subscribes to everything that happens from now on.
func (s *Server) Events() *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &Subscription{server: s, filled: make(chan struct{}, 1)}
	s.feeds[sub] = struct{}{}
	return sub
}

// Next gives the next event, in order. It waits for one until ctx is done; what
// is queued comes also after that, and after Close.
func (sub *Subscription) Next(ctx context.Context) (Event, bool) {
	for {
		event, ok, closed := sub.pop()
		if ok || closed {
			return event, ok
		}
		select {
		case <-sub.filled:
		case <-ctx.Done():
			event, ok, _ = sub.pop()
			return event, ok
		}
	}
}

func (sub *Subscription) pop() (event Event, ok, closed bool) {
	sub.server.mu.Lock()
	defer sub.server.mu.Unlock()
	if len(sub.queue) == 0 {
		return Event{}, false, sub.closed
	}
	event = sub.queue[0]
	sub.queue[0] = Event{} // not kept alive by the array
	sub.queue = sub.queue[1:]
	return event, true, sub.closed
}

// Close ends the subscription. What is queued can still be read.
func (sub *Subscription) Close() {
	sub.server.mu.Lock()
	defer sub.server.mu.Unlock()
	delete(sub.server.feeds, sub)
	if !sub.closed {
		sub.closed = true
		sub.notify()
	}
}

func (sub *Subscription) notify() {
	select {
	case sub.filled <- struct{}{}:
	default:
	}
}

func (s *Server) publish(event Event) {
	if len(s.feeds) == 0 {
		return
	}
	event.At = s.now()
	if event.RunID == 0 {
		event.RunID = event.Job.RunID
	}
	for sub := range s.feeds {
		sub.queue = append(sub.queue, event)
		sub.notify()
	}
}
