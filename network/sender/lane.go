package sender

import (
	"fmt"
	"time"

	"multirunner/common"
	"multirunner/helpers/backoff"
	"multirunner/network"
)

const (
	retryBase   = time.Second
	retryMax    = time.Minute
	retryJitter = 0.2
	// What has failed for long, of a job that is over, is tried less and less
	// often: an hour and more apart after days would be too rare to be of use.
	retryRare     = 10 * time.Minute
	retryFraction = 60 // of the time that it has failed for
	// A refusal that will come again comes so often, in some eight minutes, until
	// it is believed: what stands before a server may be wrong for a moment.
	maxRefusals = 14
)

// lane is the state of one kind of request.
type lane struct {
	retry     *backoff.Backoff
	last      time.Time     // end of the last one
	notBefore time.Time     // after a failure
	failing   time.Time     // since when, zero when the last one succeeded
	working   time.Time     // since when, zero before the first success
	before    time.Duration // that it failed for under earlier senders
	refusals  int           // running, that will come again
}

// failingFor is how long it has been tried without a success.
func (l *lane) failingFor(now time.Time) time.Duration {
	if l.failing.IsZero() {
		return l.before
	}
	return l.before + now.Sub(l.failing)
}

// succeeded and failed keep a lane's state. j.mu is held.
func (j *job) succeeded(l *lane, method string) {
	now := time.Now()
	if !l.failing.IsZero() {
		j.log.Infof("%s works again after %v", method, now.Sub(l.failing).Round(time.Second))
	}
	if !l.failing.IsZero() || l.working.IsZero() {
		l.working = now
	}
	l.retry.Reset()
	l.last, l.failing, l.notBefore = now, time.Time{}, time.Time{}
	l.before, l.refusals = 0, 0
}

func (j *job) failed(l *lane, method string, err error) {
	now := time.Now()
	wait := l.retry.Next()
	if rare := min(l.failingFor(now)/retryFraction, retryRare); j.end != nil && rare > wait {
		wait = backoff.Jitter(rare, retryJitter, j.sender.options.Rand)
	}
	l.last, l.notBefore = now, now.Add(wait)
	first := l.failing.IsZero()
	if first {
		l.failing = now
	}
	j.expire(l, method, now)
	if first {
		j.log.WithError(err).Warnf("%s failed (%s); trying again until it works", method, network.Classify(err))
		return
	}
	j.log.WithError(err).Debugf("%s failed again; next try in %v", method, wait.Round(time.Millisecond))
}

// expire drops a job that is over and has been tried for too long, and keeps
// for how long it was. j.mu is held.
func (j *job) expire(l *lane, method string, now time.Time) {
	if j.end == nil {
		return
	}
	age := l.failingFor(now)
	if limit := j.sender.reporting().SpoolMaxAge; limit > 0 && age >= limit.Std() {
		j.give(DroppedAge, fmt.Sprintf("%s has failed for %s (spool_max_age)", method, common.Duration(age.Round(time.Minute))))
		return
	}
	if age >= j.savedFailing+time.Minute {
		j.save()
	}
}

// failingFor is the longest that something left to do has failed for. j.mu is
// held.
func (j *job) failingFor(now time.Time) (longest time.Duration) {
	if !j.logClosed {
		longest = j.logs.failingFor(now)
	}
	if !j.finalSent {
		longest = max(longest, j.state.failingFor(now))
	}
	return longest
}

// give gives up on what is left, without another attempt. j.mu is held.
func (j *job) give(reason DropReason, why string) {
	if j.doomed == "" {
		j.doomed, j.dropped = why, reason
	}
	j.conclude()
}
