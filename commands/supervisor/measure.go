package supervisor

import (
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network"
)

// turn counts a turn, and how long it was waited for.
func (m *Metrics) turn(runner string, waited time.Duration) {
	if m == nil {
		return
	}
	label := m.label(runner)
	m.feeds.WithLabelValues(label).Inc()
	m.waits.WithLabelValues(label).Observe(waited.Seconds())
}

// poll counts an answered poll. held leaves its duration out.
func (m *Metrics) poll(runner, result string, elapsed time.Duration, held bool) {
	if m == nil {
		return
	}
	m.polls.WithLabelValues(m.label(runner), result).Inc()
	if !held {
		m.pollSeconds.Observe(elapsed.Seconds())
	}
}

// CallFailed counts a failed call for a registration: "FetchTask", "Declare",
// "UpdateLog", "UpdateTask" or "UploadSummary".
func (m *Metrics) CallFailed(runner, method string) {
	if m == nil {
		return
	}
	m.errors.WithLabelValues(m.label(runner), method).Inc()
}

// job counts an ended job.
func (m *Metrics) job(runner string, result runnerv1.Result, elapsed time.Duration) {
	if m == nil {
		return
	}
	label := m.label(runner)
	m.jobs.WithLabelValues(label, ResultName(result)).Inc()
	m.jobSeconds.WithLabelValues(label).Observe(elapsed.Seconds())
}

// running sets how many jobs of a registration there are.
func (m *Metrics) running(runner string, jobs int) {
	if m == nil {
		return
	}
	if label := m.label(runner); label != "" {
		m.jobsRunning.WithLabelValues(label).Set(float64(jobs))
	}
}

// Panicked counts a panic.
func (m *Metrics) Panicked() {
	if m != nil {
		m.panics.Inc()
	}
}

func (m *Metrics) failure(reason string) {
	if m == nil {
		return
	}
	m.failures.WithLabelValues(reason).Inc()
	if reason == "panic" {
		m.Panicked()
	}
}

func (m *Metrics) slots(s slots) {
	if m == nil || s == m.lastSlots {
		return
	}
	m.lastSlots = s
	m.capacity.Set(float64(s.concurrent))
	m.concurrent.Set(float64(s.concurrent))
	m.use.Set(float64(s.running) / float64(s.concurrent))
	m.slotStates.WithLabelValues("idle").Set(float64(max(0, s.permits())))
	m.slotStates.WithLabelValues("polling").Set(float64(s.polling + s.exempt))
	m.slotStates.WithLabelValues("running").Set(float64(s.running))
	m.mu.Lock()
	single := m.single
	m.mu.Unlock()
	if !single {
		m.jobsRunning.WithLabelValues("").Set(float64(s.running))
	}
}

func (m *Metrics) backoff(longest time.Duration) {
	if m == nil || longest == m.lastBackoff {
		return
	}
	m.lastBackoff = longest
	m.retry.Set(longest.Seconds())
}

func (m *Metrics) oldestWait(since time.Time) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.oldest = since
	m.mu.Unlock()
}

func (m *Metrics) oldestSeconds() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.oldest.IsZero() {
		return 0
	}
	return time.Since(m.oldest).Seconds()
}

func (m *Metrics) reloaded(ok bool, at time.Time) {
	if m == nil {
		return
	}
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.Set(float64(at.Unix()))
}

func (m *Metrics) claimSuspected() {
	if m != nil {
		m.suspected.Inc()
	}
}

func (m *Metrics) duplicate() {
	if m != nil {
		m.duplicates.Inc()
	}
}

func (m *Metrics) withoutPermit() {
	if m != nil {
		m.permitless.Inc()
	}
}

// countAnswer counts what came of a turn. How long a server held a poll says
// nothing of how quick it is, so that such polls are not observed.
func (f *feeder) countAnswer(rep report) {
	name, g := rep.grant.entry.runner.Name, rep.grant
	holds := g.endpoint.manner == holding
	switch rep.outcome {
	case outcomeTask:
		f.metrics.poll(name, "task", rep.elapsed, holds && rep.elapsed >= heldFrom)
	case outcomeEmpty, outcomeDuplicate:
		held := holds || rep.elapsed >= time.Duration(heldFraction*float64(g.hold))
		f.metrics.poll(name, "empty", rep.elapsed, held)
	case outcomeRefused:
		class := f.classify(rep.err)
		if class == network.ClassExpired && !g.declare && g.endpoint.expiryIsEmpty(g.hold, rep.elapsed) {
			f.metrics.poll(name, "empty", rep.elapsed, true)
			return
		}
		f.metrics.CallFailed(name, rep.method)
		if g.declare {
			return
		}
		waited := class == network.ClassExpired || class == network.ClassPatience
		f.metrics.poll(name, "error", rep.elapsed, waited)
	}
}
