package spool

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// countDropped appends the row that says how many were dropped.
func (w *Writer) countDropped(at time.Time) {
	if w.dropped == 0 {
		return
	}
	w.appendRow(at, fmt.Sprintf("##[warning]%d log rows were dropped here: %s", w.dropped, w.cause))
	w.dropped = 0
}

// room tells whether a row of size bytes may be appended. Once rows are
// dropped there is no room until an eighth of the limit is free, so that not
// every second row is one that counts.
func (w *Writer) room(size int) bool {
	size += 64 // the record and the time
	dropping := w.dropped > 0
	limit := rowReserve
	if dropping {
		limit -= limit / 8
	}
	if len(w.buf)+size > limit {
		w.cause = "the runner's disk is full"
		return false
	}
	maxBytes := w.options.MaxBytes
	if maxBytes <= 0 {
		return true
	}
	if dropping {
		maxBytes -= maxBytes / 8
	}
	if w.waiting()+int64(size) <= maxBytes {
		return true
	}
	if now := time.Now(); now.Sub(w.ackedAsk) >= ackedDelay {
		w.ackedAsk = now
		if offset, err := w.acked(); err == nil {
			w.ackedAt = max(w.ackedAt, offset)
		}
	}
	if w.waiting()+int64(size) <= maxBytes {
		return true
	}
	w.cause = "more than spool_max_bytes were waiting for the server"
	return false
}

// waiting is the number of bytes that the server does not have.
func (w *Writer) waiting() int64 { return w.written + int64(len(w.buf)) - w.ackedAt }

func cleanRow(content string) string {
	if len(content) > MaxRow {
		cut := MaxRow
		for cut > MaxRow-utf8.UTFMax && !utf8.RuneStart(content[cut]) {
			cut--
		}
		content = content[:cut]
	}
	if !utf8.ValidString(content) {
		content = strings.ToValidUTF8(content, "\uFFFD")
	}
	return content
}
