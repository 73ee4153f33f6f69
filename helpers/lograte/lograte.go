// Package lograte keeps repeated warnings and errors from filling a log: the
// first one is written, and what repeats it is counted and written as one line
// per minute.
package lograte

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// Window is the time in which repetitions become one line.
	Window = time.Minute
	// RepeatedKey is the field of a line that stands for others, and its value
	// their number.
	RepeatedKey = "repeated"
	// maxKinds bounds what is remembered: beyond it new kinds of lines are
	// written as they come.
	maxKinds = 1000
)

// told are the fields that lines may differ in and still repeat each other:
// they say how, and not what or where.
var told = map[string]bool{logrus.ErrorKey: true, "stack": true, "duration": true}

// Limiter is a logrus.Formatter that gives nothing for a line to be left out.
// Two lines are of a kind when level, message and fields are the same, but for
// the error's text. Lines of level info and below pass. It is safe for
// concurrent use.
type Limiter struct {
	log *logrus.Logger

	mu    sync.Mutex
	next  logrus.Formatter
	kinds map[string]*kind
}

// kind is what is known of lines that repeat each other.
type kind struct {
	level   logrus.Level
	message string
	fields  logrus.Fields // of the last one
	since   time.Time     // when a line was written last
	count   int           // since then
}

// Install puts a limiter in front of the logger's formatter. Lines that stand
// for others are written by Run.
func Install(log *logrus.Logger) *Limiter {
	l := &Limiter{log: log, next: log.Formatter, kinds: map[string]*kind{}}
	log.SetFormatter(l)
	return l
}

// Wrap puts the limiter in front of a formatter that was set meanwhile.
func (l *Limiter) Wrap() {
	now := l.log.Formatter
	if now == logrus.Formatter(l) {
		return
	}
	l.mu.Lock()
	l.next = now
	l.mu.Unlock()
	l.log.SetFormatter(l)
}

// Format implements logrus.Formatter.
func (l *Limiter) Format(e *logrus.Entry) ([]byte, error) {
	l.mu.Lock()
	next, pass := l.next, l.passes(e)
	l.mu.Unlock()
	if !pass {
		return nil, nil
	}
	return next.Format(e)
}

// passes tells whether a line is to be written. l.mu is held.
func (l *Limiter) passes(e *logrus.Entry) bool {
	if e.Level > logrus.WarnLevel || e.Level < logrus.ErrorLevel {
		return true
	}
	if _, summary := e.Data[RepeatedKey]; summary {
		return true
	}
	key := keyOf(e)
	k := l.kinds[key]
	if k == nil {
		if len(l.kinds) < maxKinds {
			l.kinds[key] = &kind{level: e.Level, message: e.Message, since: e.Time}
		}
		return true
	}
	k.count++
	k.fields = e.Data // of this entry's own; nobody changes it any more
	return false
}

func keyOf(e *logrus.Entry) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%d\x00%s", e.Level, e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		if !told[name] {
			fmt.Fprintf(&key, "\x00%s=%v", name, e.Data[name])
		}
	}
	return key.String()
}

// Run writes the lines that stand for others, until ctx is done; then it
// writes those that are left.
func (l *Limiter) Run(ctx context.Context) {
	ticker := time.NewTicker(Window / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			l.write(time.Now().Add(Window))
			return
		case <-ticker.C:
			l.write(time.Now())
		}
	}
}

// write writes a line for each kind whose window is over, and forgets those
// that did not repeat.
func (l *Limiter) write(now time.Time) {
	var due []kind
	l.mu.Lock()
	for key, k := range l.kinds {
		if now.Sub(k.since) < Window {
			continue
		}
		if k.count == 0 {
			delete(l.kinds, key)
			continue
		}
		due = append(due, *k)
		k.since, k.count, k.fields = now, 0, nil
	}
	l.mu.Unlock()
	slices.SortFunc(due, func(a, b kind) int { return strings.Compare(a.message, b.message) })
	for _, k := range due {
		l.log.WithFields(k.fields).WithField(RepeatedKey, k.count).Log(k.level, k.message)
	}
}
