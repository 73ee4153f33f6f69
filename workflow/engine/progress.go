package engine

import (
	"sync"
	"time"
)

// progressOutput logs what the executor says while it prepares: there are no
// commands in it.
type progressOutput struct {
	rows *rowLog
	mu   sync.Mutex
}

func (o *progressOutput) stream() *lineWriter {
	return &lineWriter{mu: &o.mu, sink: o, rows: o.rows}
}

// line implements lineSink.
func (o *progressOutput) line(at time.Time, text string) { o.rows.progress(at, text) }

// refuses implements lineSink.
func (o *progressOutput) refuses(string) bool { return false }
