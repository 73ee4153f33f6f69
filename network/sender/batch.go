package sender

import (
	"errors"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network/spool"
)

// Bounds of an UpdateLog request. Proxies commonly take bodies of 1 MB.
const (
	maxRows  = 5000
	maxBytes = 900 << 10
	rowExtra = 32 // bytes of a row besides its content, at most
)

// batch is an UpdateLog request.
type batch struct {
	index int64
	rows  []*runnerv1.LogRow
	end   mark // behind the last row
	last  bool // no_more
}

func (b *batch) request(taskID int64) *runnerv1.UpdateLogRequest {
	return &runnerv1.UpdateLogRequest{TaskId: taskID, Index: b.index, Rows: b.rows, NoMore: b.last}
}

// nextBatch collects the rows that the server lacks, up to the bounds. With
// the end of the log in it, it is the last one and has at least one row:
// servers before May 2026 ignore no_more without a new row. j.mu is held.
func (j *job) nextBatch() (batch, error) {
	b := batch{index: j.acked, end: j.cursor}
	if j.acked < j.origin.rows {
		j.fill(&b)
		return b, nil
	}
	if err := j.collect(&b); err != nil && len(b.rows) == 0 {
		return b, err
	}
	if j.end == nil || b.end.rows < j.tail.rows {
		if len(b.rows) == 0 {
			return b, errors.New("rows that were there are not any more")
		}
		return b, nil
	}
	b.last = true
	if len(b.rows) > 0 {
		return b, nil
	}
	return b, j.closing(&b)
}

// collect reads rows from the spool.
func (j *job) collect(b *batch) error {
	bytes := 0
	var rows spool.Rows
	var inner error
	err := j.read(j.cursor.offset, func(rec spool.Record) bool {
		if rec.Offset >= j.tail.offset || rec.Kind == spool.KindEnd {
			return false // the next sender has to find the end too
		}
		switch {
		case rec.Kind == spool.KindState:
			b.end.state = append([]byte(nil), rec.Data...)
		case rec.Kind == spool.KindRow && b.end.rows < j.acked:
			b.end.rows++
		case rec.Kind == spool.KindRow:
			if len(b.rows) == j.rowsMax || len(b.rows) > 0 && bytes+len(rec.Data)+rowExtra > maxBytes {
				return false
			}
			var row *runnerv1.LogRow
			if row, inner = j.row(&rows, rec, b.end.rows); inner != nil {
				return false
			}
			b.rows = append(b.rows, row)
			bytes += len(rec.Data) + rowExtra
			b.end.rows++
		}
		b.end.offset = rec.Next
		return true
	})
	if err == nil {
		err = inner
	}
	return err
}

func (j *job) row(rows *spool.Rows, rec spool.Record, ordinal int64) (*runnerv1.LogRow, error) {
	if ordinal == j.refused {
		return textRow("##[warning]A row of the log is left out here: the server refused it."), nil
	}
	return rows.Decode(rec)
}

// fill makes rows in place of those that the server had acknowledged and then
// lost, and that the spool no longer has. Without them no later row would be
// taken, and all later steps would show the wrong ones.
func (j *job) fill(b *batch) {
	b.end = j.origin
	n := min(j.origin.rows-j.acked, int64(j.rowsMax))
	for i := range n {
		text := ""
		if i == 0 {
			text = "##[warning]The server has lost rows of the log here."
		}
		b.rows = append(b.rows, textRow(text))
	}
	if j.acked+n < j.origin.rows {
		b.end = mark{offset: j.origin.offset, rows: j.acked + n, state: j.origin.state}
	}
}

// closing adds the row of a no_more request that has no other: an empty one.
// It may be a repetition, after an answer that got lost together with the
// supervisor; then it has the same index as the first time. When the server
// has more rows than the spool (whose tail a power failure took), the last of
// the spool is sent behind them, because it says what happened.
func (j *job) closing(b *batch) error {
	surplus := j.acked - j.tail.rows
	b.rows = []*runnerv1.LogRow{textRow("")}
	if surplus == 1 {
		b.index = j.tail.rows
	}
	if surplus <= 1 || j.lastRow < 0 {
		return nil
	}
	return j.record(j.lastRow, func(rec spool.Record) error {
		row, err := rec.Row()
		b.rows[0] = row
		return err
	})
}
