package engine

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"multirunner/helpers/mask"
)

const (
	// maxLine is how much of a line without an end is held back to be read as
	// a whole. What is longer goes on in pieces.
	maxLine = 1 << 20
	// quiet releases what masking holds back of such a line.
	quiet = 100 * time.Millisecond
)

// lineSink takes the lines of a stream. Its methods are called with the lock
// that the stream was made with held.
type lineSink interface {
	// line takes a line without its end, stamped when its first byte came.
	line(at time.Time, text string)
	// refuses tells, from the first maxLine bytes of a longer line, that the
	// rest of it must not be shown either.
	refuses(start string) bool
}

// lineWriter cuts one stream of a process into lines. It is an io.Writer;
// streams that share a lock and a sink come out line by line.
type lineWriter struct {
	mu   *sync.Mutex
	sink lineSink
	rows *rowLog

	held []byte    // the start of a line that has no end yet
	at   time.Time // when its first byte was read
	long longLine  // a line of more than maxLine bytes
}

// Write never fails. A panic in the sink is the caller's to recover.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	written, now := len(p), time.Now()
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			w.hold(now, p)
			break
		}
		w.end(now, p[:end])
		p = p[end+1:]
	}
	return written, nil
}

// flush ends the last line when the stream left it without an end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) > 0 || w.long.open {
		w.end(time.Now(), nil)
	}
	w.held = nil
}

// hold keeps the start of a line.
func (w *lineWriter) hold(now time.Time, p []byte) {
	if w.long.open {
		w.long.add(w, now, p)
		return
	}
	if len(w.held) == 0 {
		w.at = now
	}
	w.held = append(w.held, p...)
	if len(w.held) > maxLine {
		w.long.start(w)
		w.held = nil
	}
}

// end takes the rest of a line.
func (w *lineWriter) end(now time.Time, rest []byte) {
	if w.long.open {
		w.long.add(w, now, bytes.TrimSuffix(rest, []byte("\r")))
		w.long.finish(w)
		return
	}
	at, text := now, ""
	if len(w.held) == 0 {
		text = string(rest)
	} else {
		at, text = w.at, string(append(w.held, rest...))
		w.held = w.held[:0]
	}
	w.sink.line(at, strings.TrimSuffix(text, "\r"))
}

// longLine is a line that is logged while it grows. Its bytes pass a masking
// stream, which holds back what may be the start of a secret.
type longLine struct {
	open   bool
	drop   bool // the sink refused it
	stream *mask.Stream
	masked []byte    // not logged yet, less than a row
	at     time.Time // when the bytes that come out were read
	timer  *time.Timer
}

func (l *longLine) start(w *lineWriter) {
	*l = longLine{open: true, at: w.at, drop: w.sink.refuses(string(w.held))}
	if l.drop {
		return
	}
	l.stream = w.rows.masker.Stream(func(p []byte) { l.out(w, p) })
	l.add(w, w.at, w.held)
}

func (l *longLine) add(w *lineWriter, now time.Time, p []byte) {
	if l.drop || len(p) == 0 {
		return
	}
	l.at = now
	l.stream.Write(p)
	if l.timer != nil {
		l.timer.Reset(quiet)
		return
	}
	stream := l.stream
	l.timer = time.AfterFunc(quiet, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if l.open && l.stream == stream {
			l.release(w)
		}
	})
}

// out takes masked bytes and logs them in rows of full size.
func (l *longLine) out(w *lineWriter, p []byte) {
	l.masked = append(l.masked, p...)
	for len(l.masked) >= maxRow {
		cut := runeCut(l.masked, maxRow)
		w.rows.keep(l.at, string(l.masked[:cut]))
		l.masked = append(l.masked[:0], l.masked[cut:]...)
	}
}

// release logs what was held back.
func (l *longLine) release(w *lineWriter) {
	l.stream.Flush()
	if len(l.masked) > 0 {
		w.rows.keep(l.at, string(l.masked))
		l.masked = l.masked[:0]
	}
}

func (l *longLine) finish(w *lineWriter) {
	if !l.drop {
		l.timer.Stop()
		l.release(w)
	}
	*l = longLine{}
}

// runeCut gives the largest cut of at most limit bytes that splits no rune. p
// is at least as long.
func runeCut(p []byte, limit int) int {
	for cut := limit; cut > limit-4; cut-- {
		if cut == len(p) || p[cut]&0xC0 != 0x80 {
			return cut
		}
	}
	return limit
}
