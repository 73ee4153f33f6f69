package engine

import (
	"sync"
	"time"

	"multirunner/workflow/command"
)

// lateOutput takes what background processes write after their step has ended.
// It is logged in whichever step is running; commands in it are not obeyed.
type lateOutput struct {
	rows *rowLog

	mu   sync.Mutex
	used []*lineWriter // that hold the start of a line, perhaps
}

// stream gives a writer for what one command's children write.
func (o *lateOutput) stream() *lateWriter {
	return &lateWriter{late: o, lines: lineWriter{mu: &o.mu, sink: o, rows: o.rows}}
}

// lateWriter makes itself known when it is first written to: most never are.
type lateWriter struct {
	late  *lateOutput
	once  sync.Once
	lines lineWriter
}

func (w *lateWriter) Write(p []byte) (int, error) {
	w.once.Do(func() {
		w.late.mu.Lock()
		defer w.late.mu.Unlock()
		w.late.used = append(w.late.used, &w.lines)
	})
	return w.lines.Write(p)
}

// flush ends the lines that have no end yet, when nobody writes any more.
func (o *lateOutput) flush() {
	o.mu.Lock()
	used := o.used
	o.used = nil
	o.mu.Unlock()
	for _, w := range used {
		w.flush()
	}
}

// line implements lineSink. A value that was to be masked is not shown.
func (o *lateOutput) line(at time.Time, text string) {
	if c, ok := command.Parse(text); ok && c.Name == command.AddMask {
		text = "::add-mask::***"
	}
	o.rows.write(at, text)
}

// refuses implements lineSink.
func (o *lateOutput) refuses(start string) bool {
	c, ok := command.Parse(start)
	return ok && c.Name == command.AddMask
}
