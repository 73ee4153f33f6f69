package supervisor

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multirunner/common"
)

const (
	namespace = "gitea_runner"
	// With "auto", registrations have series of their own up to so many.
	perRunnerMax = 500
)

// Values of labels, so that zero series can be there from the start.
var (
	pollResults = [...]string{"task", "empty", "error"}
	jobStatuses = [...]string{"success", "failure", "cancelled", "skipped"}
	failures    = [...]string{"no_room", "executor", "config", "state", "start", "panic"}
	errMethods  = [...]string{"FetchTask", "Declare", "UpdateLog", "UpdateTask", "UploadSummary"}
	slotStates  = [...]string{"idle", "polling", "running"}
)

// Metrics are the supervisor's families. A nil *Metrics measures nothing. It
// is safe for concurrent use.
//
// The label runner is the registration's name, or empty for all together when
// registrations have no series of their own.
type Metrics struct {
	mu     sync.Mutex
	single bool // registrations have series of their own
	oldest time.Time
	known  map[string]bool // names with series

	// What was set last, so that nothing is written that is there already. The
	// feeder's, like the methods that use them.
	lastSlots   slots
	lastBackoff time.Duration

	polls, errors, jobs, feeds        *prometheus.CounterVec
	failures                          *prometheus.CounterVec
	jobSeconds, waits                 *prometheus.HistogramVec
	pollSeconds                       prometheus.Histogram
	jobsRunning, limit, slotStates    *prometheus.GaugeVec
	capacity, concurrent, use, retry  prometheus.Gauge
	reloadOK, reloadTime              prometheus.Gauge
	suspected, duplicates, permitless prometheus.Counter
	panics                            prometheus.Counter
	perRunner                         []interface{ Reset() }
	dropRunner                        []interface{ DeletePartialMatch(prometheus.Labels) int }
	registerer                        prometheus.Registerer
	registered                        []prometheus.Collector
}

// NewMetrics makes the families and registers them.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{registerer: registerer, known: map[string]bool{}}
	m.polls = m.counters("poll_fetch_total", "Polls by result.", "runner", "result")
	m.errors = m.counters("client_errors_total", "Failed calls to servers by method.", "runner", "method")
	m.jobs = m.counters("job_total", "Ended jobs by status.", "runner", "status")
	m.feeds = m.counters("worker_feeds_total", "Turns given.", "runner")
	m.jobSeconds = m.histograms("job_duration_seconds", "Duration of jobs.", prometheus.ExponentialBuckets(1, 2, 14), "runner")
	m.waits = m.histograms("permit_wait_seconds", "Time that a due registration waited for its turn.",
		[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "runner")
	m.jobsRunning = m.gauges("job_running", "Jobs that run.", "runner")
	m.limit = m.gauges("limit", "Configured limit of a registration, 0 for none.", "runner")
	m.perRunner = []interface{ Reset() }{m.polls, m.errors, m.jobs, m.feeds, m.jobSeconds, m.waits, m.jobsRunning, m.limit}
	m.dropRunner = []interface{ DeletePartialMatch(prometheus.Labels) int }{
		m.polls, m.errors, m.jobs, m.feeds, m.jobSeconds, m.waits, m.jobsRunning, m.limit}

	m.failures = m.counters("worker_processing_failures_total", "Turns and jobs that failed in the runner itself, by reason.", "reason")
	m.slotStates = m.gauges("slots", "Slots by state; polling counts outstanding polls.", "state")
	m.pollSeconds = register(m, prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: "poll_fetch_duration_seconds", Help: "Duration of polls; those that a server held are left out.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}))
	m.capacity = m.gauge("capacity", "Jobs at once, all registrations together.")
	m.concurrent = m.gauge("concurrent", "The same, under gitlab-runner's name.")
	m.use = m.gauge("job_capacity_utilization_ratio", "Running jobs by capacity.")
	m.retry = m.gauge("poll_backoff_seconds", "The longest present wait after an error.")
	m.reloadOK = m.gauge("config_last_reload_successful", "Whether the last configuration could be used.")
	m.reloadTime = m.gauge("config_last_reload_timestamp_seconds", "When the configuration in use was loaded.")
	m.suspected = m.counter("claims_lost_suspected_total", "Polls that failed after they may have been given a task.")
	m.duplicates = m.counter("tasks_duplicate_total", "Tasks that a server sent again; they were left alone.")
	m.permitless = m.counter("polls_without_permit_total", "Polls at servers that hang which held no slot.")
	m.panics = m.counter("panics_total", "Panics, of which each has ended one turn, job or report, and nothing else.")
	register(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "oldest_wait_seconds", Help: "How long the longest waiting registration has been due.",
	}, m.oldestSeconds))

	for _, reason := range failures {
		m.failures.WithLabelValues(reason)
	}
	for _, state := range slotStates {
		m.slotStates.WithLabelValues(state)
	}
	m.zeroSeries("")
	return m
}

// Unregister takes the families out of the registerer.
func (m *Metrics) Unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	m.registerer.MustRegister(c)
	m.registered = append(m.registered, c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels))
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	return register(m, prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}))
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels))
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	return register(m, prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}))
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
	}, labels))
}

// mode sets whether registrations have series of their own. When that
// changes, the counts start over.
func (m *Metrics) mode(perRunner common.Switch, registrations int) {
	if m == nil {
		return
	}
	single := registrations <= perRunnerMax
	switch perRunner {
	case common.SwitchOn:
		single = true
	case common.SwitchOff:
		single = false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if single == m.single {
		return
	}
	m.single = single
	m.lastSlots = slots{}
	for _, vec := range m.perRunner {
		vec.Reset()
	}
	clear(m.known)
	if !single {
		m.zeroSeries("")
	}
}

// label gives the value of the label runner. One that is not (or no longer)
// known has no series of its own: a name that is gone must not come back.
func (m *Metrics) label(runner string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.single && m.known[runner] {
		return runner
	}
	return ""
}

// declareRunner makes a registration's series, with zeros.
func (m *Metrics) declareRunner(runner string, limit, jobs int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	single := m.single
	if single {
		m.known[runner] = true
	}
	m.mu.Unlock()
	if !single {
		return
	}
	m.zeroSeries(runner)
	m.limit.WithLabelValues(runner).Set(float64(limit))
	m.jobsRunning.WithLabelValues(runner).Set(float64(jobs))
}

// zeroSeries makes the series of a value of the label runner, so that a rate
// has a zero to start from.
func (m *Metrics) zeroSeries(runner string) {
	for _, result := range pollResults {
		m.polls.WithLabelValues(runner, result)
	}
	for _, method := range errMethods {
		m.errors.WithLabelValues(runner, method)
	}
	for _, status := range jobStatuses {
		m.jobs.WithLabelValues(runner, status)
	}
	m.feeds.WithLabelValues(runner)
	m.jobSeconds.WithLabelValues(runner)
	m.waits.WithLabelValues(runner)
	m.jobsRunning.WithLabelValues(runner)
}

// forgetRunner drops a registration's series.
func (m *Metrics) forgetRunner(runner string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	known := m.known[runner]
	delete(m.known, runner)
	m.mu.Unlock()
	if !known {
		return
	}
	for _, vec := range m.dropRunner {
		vec.DeletePartialMatch(prometheus.Labels{"runner": runner})
	}
}
