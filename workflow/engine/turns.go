package engine

import (
	"sync"
	"time"
)

// maxHeld is how much output of one thing waits for its turn, in bytes. What
// says more waits itself.
const maxHeld = 1 << 20

// turns logs what several things say that are done at the same time, one after
// the other: the first one that is not done is shown as it goes on, the others
// when it is their turn.
type turns struct {
	rows *rowLog

	mu    sync.Mutex
	moved sync.Cond // a turn has ended
	now   int
	each  []turn
}

type turn struct {
	held []heldLine
	size int // of held, in bytes
	done bool
}

type heldLine struct {
	at   time.Time
	text string
}

func newTurns(rows *rowLog, count int) *turns {
	t := &turns{rows: rows, each: make([]turn, count)}
	t.moved.L = &t.mu
	return t
}

// stream gives a writer for what one of them says.
func (t *turns) stream(index int) *lineWriter {
	return &lineWriter{mu: new(sync.Mutex), sink: &turnSink{t, index}, rows: t.rows}
}

// finish ends one's turn: it says nothing any more. Each must finish, whatever
// becomes of it, or what comes after it waits for ever.
func (t *turns) finish(index int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.each[index].done = true
	for t.now < len(t.each) && t.each[t.now].done {
		if t.now++; t.now < len(t.each) {
			next := &t.each[t.now]
			for _, line := range next.held {
				t.rows.write(line.at, line.text)
			}
			next.held, next.size = nil, 0
		}
	}
	t.moved.Broadcast()
}

func (t *turns) line(index int, at time.Time, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := &t.each[index]
	for index > t.now && own.size > maxHeld {
		t.moved.Wait()
	}
	if index > t.now {
		own.held = append(own.held, heldLine{at, text})
		own.size += len(text)
		return
	}
	t.rows.write(at, text)
}

type turnSink struct {
	turns *turns
	index int
}

// line implements lineSink.
func (s *turnSink) line(at time.Time, text string) { s.turns.line(s.index, at, text) }

// refuses implements lineSink.
func (s *turnSink) refuses(string) bool { return false }
