package shim

import (
	"io"
	"sync"
)

// sink is a writer of the caller's.
type sink struct{ w io.Writer }

// chunk is output that waits for its sink: the next n bytes of the queue.
type chunk struct {
	to   *sink
	n    int
	cost int
	then func() // instead of output: called when all before it is written
}

// queue holds output from its arrival until it is written, never more than its
// window. Consumers take all of it at once.
type queue struct {
	window int
	ready  chan struct{} // has an element when there may be something

	mu     sync.Mutex
	data   []byte
	chunks []chunk
	used   int // of the window
}

func newQueue(window int) *queue {
	return &queue{window: window, ready: make(chan struct{}, 1)}
}

// push adds output. It fails when the container sends more than there is room
// for.
func (q *queue) push(to *sink, data []byte) error {
	cost := len(data) + frameCost
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+cost > q.window {
		return violation("more output than there is room for")
	}
	q.used += cost
	q.data = append(q.data, data...)
	last := len(q.chunks) - 1
	if last >= 0 && q.chunks[last].then == nil && q.chunks[last].to == to && q.chunks[last].n+len(data) <= maxPayload {
		q.chunks[last].n += len(data)
		q.chunks[last].cost += cost
	} else {
		q.chunks = append(q.chunks, chunk{to: to, n: len(data), cost: cost})
	}
	q.signal()
	return nil
}

// mark has a function called when all output before it is written.
func (q *queue) mark(then func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.chunks = append(q.chunks, chunk{then: then})
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// batch is what was taken from a queue. It is given back with the next take,
// for its memory.
type batch struct {
	data   []byte
	chunks []chunk
}

// take exchanges what is queued for an empty batch, and tells whether there was
// something.
func (q *queue) take(b *batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(b.chunks)
	q.data, b.data = b.data[:0], q.data
	q.chunks, b.chunks = b.chunks[:0], q.chunks
	return len(b.chunks) > 0
}

// release gives room back. What was sent for it is gone.
func (q *queue) release(cost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used -= cost
}

// empty tells that nothing waits to be taken.
func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.chunks) == 0
}

// writer writes batches of a queue and gives the room back by and by.
type writer struct {
	queue *queue
	ack   func(cost int)
	batch batch
	owed  int // released, but not acknowledged
}

// write writes what is queued, and tells whether there was something.
func (w *writer) write() bool {
	if !w.queue.take(&w.batch) {
		return false
	}
	data := w.batch.data
	for _, c := range w.batch.chunks {
		if c.then != nil {
			c.then()
			continue
		}
		// The command must not notice that its output is not wanted.
		_, _ = c.to.w.Write(data[:c.n])
		data = data[c.n:]
		w.queue.release(c.cost)
		if w.owed += c.cost; w.owed >= w.queue.window/4 {
			w.ack(w.owed)
			w.owed = 0
		}
	}
	return true
}
