package sender

import (
	"errors"
	"slices"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/network/spool"
)

// Limits of the server for an output; it passes over larger ones silently, so
// that one would wait for ever for their confirmation.
const (
	maxOutputName  = 255
	maxOutputValue = 1 << 20
)

// read visits records from offset on. A record that is damaged, but has a
// sound one behind it, is replaced: a row by one that says so, since the
// indexes of the rows after it must not change.
func (j *job) read(offset int64, visit func(spool.Record) bool) error {
	for {
		_, err := j.Source.Read(offset, visit)
		var bad *spool.CorruptError
		if !errors.As(err, &bad) || bad.Next == 0 {
			return err
		}
		instead := spool.Record{Kind: 0, Offset: bad.Offset, Next: bad.Next}
		if bad.Kind == spool.KindRow {
			instead.Kind = spool.KindRow
			instead.Data = encodeRow("##[error]This row could not be read from the runner's disk.")
		}
		if !visit(instead) {
			return nil
		}
		offset = bad.Next
	}
}

func encodeRow(content string) []byte {
	data, err := proto.Marshal(textRow(content))
	if err != nil {
		return nil // an empty row: it cannot fail for valid UTF-8
	}
	return data
}

func textRow(content string) *runnerv1.LogRow {
	return &runnerv1.LogRow{Time: timestamppb.Now(), Content: content}
}

// scan looks at what is new in the spool. j.mu is held.
func (j *job) scan() {
	if j.end != nil {
		return
	}
	err := j.read(j.tail.offset, func(rec spool.Record) bool {
		j.take(rec)
		return true
	})
	switch {
	case err != nil && !j.unreadable:
		// A job process that lives may be in the middle of a write. After its
		// end spool.Recover puts an end in place of what cannot be read.
		j.log.WithError(err).Error("the job's spool cannot be read; trying again")
		j.unreadable = true
	case err == nil:
		j.unreadable = false
	}
}

// take keeps what a record says. Rows are only counted: they are read again
// when they are sent.
func (j *job) take(rec spool.Record) {
	at := j.tail
	var err error
	switch rec.Kind {
	case spool.KindRow:
		j.tail.rows++
		j.lastRow = rec.Offset
		if j.unsentSince.IsZero() {
			j.unsentSince = time.Now()
		}
	case spool.KindState:
		j.tail.state = slices.Clone(rec.Data)
		j.transitions++
	case spool.KindOutput:
		err = j.takeOutput(rec, at)
	case spool.KindSummary:
		err = j.takeSummary(rec, at)
	case spool.KindEnd:
		var end spool.End
		if end, err = rec.End(); err == nil {
			j.end = &end
		}
	}
	if err != nil {
		j.log.WithError(err).Error("passed over a record of the spool")
	}
	j.tail.offset = rec.Next
}

func (j *job) takeOutput(rec spool.Record, at mark) error {
	out, err := rec.Output()
	if err != nil {
		return err
	}
	if out.Name == "" || len(out.Name) > maxOutputName || len(out.Value) > maxOutputValue {
		j.log.Warnf("output %.40q dropped: its name has %d bytes and its value %d; the server takes %d and %d",
			out.Name, len(out.Name), len(out.Value), maxOutputName, maxOutputValue)
		return nil
	}
	if j.sentOutputs[out.Name] { // the server keeps the first value
		return nil
	}
	j.outputs = slices.DeleteFunc(j.outputs, func(w waiting) bool { return w.name == out.Name })
	j.outputs = append(j.outputs, waiting{at: at, name: out.Name, size: len(out.Name) + len(out.Value)})
	return nil
}

func (j *job) takeSummary(rec spool.Record, at mark) error {
	if slices.Contains(j.sentSums, rec.Offset) {
		return nil
	}
	summary, err := rec.Summary()
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains(j.Capabilities, CapabilitySummary):
		return nil // this server has no place for it
	case j.finalSent || j.Runtime == nil:
		j.log.Warnf("summary of step %d dropped: there is no runtime token to upload it with", summary.Step)
		return nil
	}
	// A later summary of a step replaces the earlier one.
	j.summaries = slices.DeleteFunc(j.summaries, func(w waiting) bool { return w.step == summary.Step })
	j.summaries = append(j.summaries, waiting{at: at, step: summary.Step})
	return nil
}

// record reads the one record at an offset again. j.mu is held.
func (j *job) record(offset int64, decode func(spool.Record) error) error {
	var inner error
	found := false
	err := j.read(offset, func(rec spool.Record) bool {
		if found || rec.Offset != offset {
			return false
		}
		found = true
		inner = decode(rec)
		return true
	})
	if err == nil && !found {
		err = errors.New("the record is not there any more")
	}
	return errors.Join(err, inner)
}

// save keeps how far the spool is delivered, and gives its space back. j.mu is
// held, so that an older state never replaces a newer one.
func (j *job) save() {
	low := j.cursor
	for _, w := range slices.Concat(j.outputs, j.summaries) {
		if w.at.offset < low.offset {
			low = w.at
		}
	}
	sent := spool.Sent{
		Offset:    low.offset,
		Rows:      low.rows,
		State:     low.state,
		LogClosed: j.logClosed,
		Final:     j.finalSent,
		Failing:   j.failingFor(time.Now()),
	}
	for name := range j.sentOutputs {
		sent.Outputs = append(sent.Outputs, name)
	}
	slices.Sort(sent.Outputs)
	for _, offset := range j.sentSums {
		if offset >= low.offset {
			sent.Summaries = append(sent.Summaries, offset)
		}
	}
	j.sentSums = sent.Summaries
	if j.SaveSent != nil {
		err := j.SaveSent(sent)
		if err != nil && !j.unsaved {
			j.log.WithError(err).Warn("how far the job is sent cannot be stored: after a restart more is sent again")
		}
		j.unsaved = err != nil
		if err != nil {
			return
		}
		j.savedFailing = sent.Failing
	}
	j.release(low)
}

func (j *job) release(low mark) {
	if low.offset < j.releaseAt {
		return
	}
	j.releaseAt = low.offset + releaseStep
	gone, err := j.Source.Release(low.offset)
	if err != nil {
		j.log.WithError(err).Debug("the space of delivered rows is not given back yet")
	}
	if gone {
		j.origin = low
	}
}
