package sender

import (
	"context"
	"fmt"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network"
	"multirunner/network/spool"
)

const (
	logGap         = 250 * time.Millisecond // between two UpdateLog of a job that are not full
	logIntervalMax = 15 * time.Second       // when the budget stretches intervals
)

// logStep is a turn of the loop for rows and summaries.
func (j *job) logStep(ctx context.Context) next {
	j.mu.Lock()
	j.scan()
	now := time.Now()
	if j.logLeaves() {
		j.mu.Unlock()
		j.wake() // the other loop may wait for the log
		return next{leave: true}
	}
	rowsAt, ask := j.rowsDue(now)
	sumAt := j.summaryDue(now)
	switch {
	case due(rowsAt, now) && ask:
		j.mu.Unlock()
		j.sendLog(ctx, batch{index: -1})
	case due(rowsAt, now):
		b, err := j.nextBatch()
		if err != nil {
			j.failed(&j.logs, "reading the spool", err)
			j.mu.Unlock()
			break
		}
		j.flushed = j.transitions
		j.mu.Unlock()
		j.sendLog(ctx, b)
	case due(sumAt, now):
		w := j.summaries[0]
		j.mu.Unlock()
		j.sendSummary(ctx, w)
	default:
		j.mu.Unlock()
		return next{at: earlier(rowsAt, sumAt)}
	}
	return next{at: now}
}

// due tells whether a time has come; the zero time never does.
func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// logLeaves tells whether the loop has nothing left to do. j.mu is held.
func (j *job) logLeaves() bool {
	switch {
	case j.outcome != Pending:
		return true
	case j.end != nil:
		return j.logClosed && len(j.summaries) == 0
	case j.leaving():
		return j.doomed != "" || j.acked >= j.tail.rows && len(j.summaries) == 0
	}
	return false
}

// rowsDue tells when the next UpdateLog is, zero for not yet, and whether it
// is one that only asks how many rows the server has. j.mu is held.
func (j *job) rowsDue(now time.Time) (at time.Time, ask bool) {
	if j.logClosed || j.doomed != "" && j.end == nil {
		return time.Time{}, false
	}
	if j.asks() {
		return j.dueNow(&j.logs, now), true
	}
	unsent := j.tail.rows - j.acked
	if j.end != nil || j.leaving() && unsent > 0 {
		return j.dueNow(&j.logs, now), false
	}
	if unsent <= 0 {
		return time.Time{}, false
	}
	return later(j.flushDue(unsent), j.logs.notBefore), false
}

// dueNow is now, or the end of a pause after a failure. What is tried only
// once does not wait for it. j.mu is held.
func (j *job) dueNow(l *lane, now time.Time) time.Time {
	if j.doomed != "" {
		return now
	}
	return later(now, l.notBefore)
}

// asks tells whether the server is to be asked for its number of rows first.
func (j *job) asks() bool {
	return j.logs.working.IsZero() && (j.Resumed || j.Initial.Rows > 0)
}

// flushDue is the first of the triggers.
func (j *job) flushDue(unsent int64) time.Time {
	config, stretch := j.sender.reporting(), j.Budget.Stretch()
	at := j.logs.last.Add(stretched(config.LogReportInterval.Std(), stretch, logIntervalMax))
	if latency := stretched(config.LogReportMaxLatency.Std(), stretch, logIntervalMax); latency > 0 {
		at = earlier(at, j.unsentSince.Add(latency))
	}
	if j.transitions != j.flushed {
		at = earlier(at, j.logs.last.Add(logGap))
	}
	if size := int64(config.LogReportBatchSize); size > 0 && unsent >= size {
		at = earlier(at, j.logs.last.Add(stretched(logGap, stretch, logIntervalMax)))
	}
	if unsent >= maxRows || j.tail.offset-j.cursor.offset >= maxBytes {
		// Many small requests would cost the server more than a few full ones.
		at = earlier(at, j.logs.last.Add(stretched(logGap, stretch-1, logIntervalMax)))
	}
	return at
}

// stretched is d times the factor, but not over limit on account of it.
func stretched(d time.Duration, factor float64, limit time.Duration) time.Duration {
	if float64(d)*factor <= float64(limit) {
		return time.Duration(float64(d) * factor)
	}
	return max(limit, min(d, time.Duration(float64(d)*factor)))
}

// sendLog sends a batch; one with index -1 asks only.
func (j *job) sendLog(ctx context.Context, b batch) {
	req := b.request(j.TaskID)
	req.Index = max(0, req.Index)
	began := time.Now()
	var answer *runnerv1.UpdateLogResponse
	err := j.observe("UpdateLog", func() (err error) {
		answer, err = j.Client.UpdateLog(ctx, req)
		return err
	})
	if err != nil {
		j.logFailed(ctx, b, err)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.logAnswered(b, answer.GetAckIndex(), began)
}

// logAnswered takes an acknowledgement: the number of rows that the server
// has, whatever was sent. j.mu is held.
func (j *job) logAnswered(b batch, ack int64, began time.Time) {
	sent := b.index + int64(len(b.rows))
	before := j.acked
	switch {
	case ack < 0: // no server does
		j.failed(&j.logs, "UpdateLog", fmt.Errorf("acknowledged index %d", ack))
		return
	case ack < before:
		j.log.Warnf("the server has lost log rows: %d of %d acknowledged ones are left; sending them again", ack, before)
	}
	j.acked = ack
	switch {
	case ack < j.cursor.rows:
		j.rewind()
	case ack >= b.end.rows && b.end.offset > j.cursor.offset:
		j.cursor = b.end
	}
	if b.last && ack >= sent {
		j.logClosed = true
	}
	j.unsentSince = time.Time{}
	if j.acked < j.tail.rows {
		j.unsentSince = began
	}
	if b.index >= 0 && ack <= before && !j.logClosed {
		j.failed(&j.logs, "UpdateLog", fmt.Errorf("rows %d to %d sent, but the server has %d rows", b.index, sent, ack))
		j.save()
		return
	}
	j.succeeded(&j.logs, "UpdateLog")
	j.rowsMax = min(maxRows, j.rowsMax*2)
	j.save()
	j.ends()
}

// rewind goes back as far as the spool can be read. An earlier sender may have
// left more of it than this one was told to start with. j.mu is held.
func (j *job) rewind() {
	j.cursor = j.origin
	if j.acked >= j.origin.rows {
		return
	}
	first := mark{offset: spool.Start}
	at := first
	err := j.read(first.offset, func(rec spool.Record) bool {
		if rec.Offset >= j.origin.offset {
			return false
		}
		if rec.Kind == spool.KindRow {
			at.rows++
		}
		at.offset = rec.Next
		return true
	})
	if err == nil && at.offset == j.origin.offset && at.rows == j.origin.rows {
		j.origin, j.cursor = first, first
	}
}

func (j *job) logFailed(ctx context.Context, b batch, err error) {
	if ctx.Err() != nil {
		return
	}
	class := network.Classify(err)
	if reason, why := fatal(err); why != "" {
		j.doom(reason, why)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case class == network.ClassArchived:
		if rows := j.tail.rows - j.acked; rows > 0 {
			j.log.Warnf("%d log rows dropped: the server has closed the log", rows)
		}
		j.logClosed = true
		j.succeeded(&j.logs, "UpdateLog")
		j.save()
		j.ends()
	case j.doomed != "": // this was the one attempt
		j.logClosed = j.end != nil
	case class == network.ClassTooLarge || class == network.ClassPermanent:
		if j.shrink(b); j.logs.refusals >= maxRefusals && j.end != nil {
			j.log.WithError(err).Errorf("%d log rows dropped: the server refuses whatever is sent of the log", j.tail.rows-j.acked)
			j.logClosed = true
			j.save()
			j.ends()
			return
		}
		j.failed(&j.logs, "UpdateLog", err)
	default:
		j.failed(&j.logs, "UpdateLog", err)
	}
}

// shrink makes requests smaller after a refusal, down to the one row that is
// refused, which is then replaced. j.mu is held.
func (j *job) shrink(b batch) {
	if len(b.rows) > 1 {
		j.rowsMax = max(1, len(b.rows)/2)
		return
	}
	if len(b.rows) == 1 && j.refused == b.index {
		j.logs.refusals++ // also of what stands for it
	}
	if len(b.rows) == 1 {
		j.refused = b.index
	}
}

// ends concludes when this was the last thing to do, and wakes the loop for
// states, which may wait for the log. j.mu is held.
func (j *job) ends() {
	if j.logClosed && j.finalSent {
		j.conclude()
		return
	}
	if j.end != nil {
		j.wake()
	}
}
