package sender

import (
	"context"
	"slices"
	"time"

	"multirunner/network"
	"multirunner/network/spool"
)

// summaryDue tells when the next summary is to be uploaded, zero for not yet.
// j.mu is held.
func (j *job) summaryDue(now time.Time) time.Time {
	if len(j.summaries) == 0 || j.doomed != "" && j.end == nil {
		return time.Time{}
	}
	return j.dueNow(&j.sums, now)
}

func (j *job) sendSummary(ctx context.Context, w waiting) {
	var summary spool.Summary
	j.mu.Lock()
	err := j.record(w.at.offset, func(rec spool.Record) (err error) {
		summary, err = rec.Summary()
		return err
	})
	j.mu.Unlock()
	if err != nil {
		j.summaryDone(w, err)
		return
	}
	token, runID, jobID, err := j.Runtime(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		j.summaryDone(w, err)
		return
	}
	err = j.observe("UploadSummary", func() error {
		return j.Client.UploadSummary(ctx, network.SummaryRequest{
			RuntimeToken: token,
			RunID:        runID,
			JobID:        jobID,
			Step:         summary.Step,
			Markdown:     summary.Markdown,
		})
	})
	switch {
	case ctx.Err() != nil:
	case err == nil || j.givesUp(w, err):
		j.summaryDone(w, err)
	}
}

// givesUp tells whether a summary is not worth a further attempt. It is only
// shown, so it must not hold the job's end back for long.
func (j *job) givesUp(w waiting, err error) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	class := network.Classify(err)
	if !class.Retryable() || j.doomed != "" || j.alone(&j.sums, time.Now()) {
		return true
	}
	if class == network.ClassInternal {
		for i := range j.summaries {
			if j.summaries[i].at.offset == w.at.offset {
				j.summaries[i].misses++
			}
		}
		if w.misses+1 >= maxMisses {
			return true
		}
	}
	j.failed(&j.sums, "UploadSummary", err)
	return false
}

// summaryDone counts a summary as dealt with.
func (j *job) summaryDone(w waiting, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.succeeded(&j.sums, "UploadSummary")
	} else {
		j.log.WithError(err).Warnf("summary of step %d dropped", w.step)
		j.sums.notBefore = time.Time{}
	}
	j.sentSums = append(j.sentSums, w.at.offset)
	j.summaries = slices.DeleteFunc(j.summaries, func(other waiting) bool { return other.at.offset == w.at.offset })
	j.save()
	j.ends()
}
