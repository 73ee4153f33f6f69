// Package sender tells servers what is in the spools of jobs: rows, states,
// outputs, summaries and the end. It is the only way from a job to a server,
// and the same one while a job runs, after its end, after an outage and after
// a restart of the supervisor: a spool that is not acknowledged yet.
package sender

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/spool"
)

// Reporter is the part of a network.Client that the sender needs. Every call
// may be repeated.
type Reporter interface {
	UpdateLog(ctx context.Context, req *runnerv1.UpdateLogRequest) (*runnerv1.UpdateLogResponse, error)
	UpdateTask(ctx context.Context, req *runnerv1.UpdateTaskRequest) (*runnerv1.UpdateTaskResponse, error)
	UploadSummary(ctx context.Context, req network.SummaryRequest) error
}

// Budget is the reporting budget of an endpoint (network.ReportBudget).
type Budget interface {
	// Spend counts a request. It never holds one back.
	Spend()
	// Stretch is the factor for the intervals between requests, at least 1.
	Stretch() float64
}

// CapabilitySummary is what a server declares that takes step summaries.
const CapabilitySummary = "job-summary"

// Options are those of a Sender.
type Options struct {
	Config common.ReportingConfig
	Log    logrus.FieldLogger
	// Observe is told of every request: "UpdateLog", "UpdateTask" or
	// "UploadSummary". It is called concurrently. May be nil.
	Observe func(method string, took time.Duration, err error)
	// Panicked is told of every panic that was caught. May be nil.
	Panicked func()
	// Rand gives numbers in [0, 1) for the jitter of retries; nil is math/rand.
	Rand func() float64
}

// Job is a spool and where its records go.
type Job struct {
	Key    string // for logs; one Handle at a time
	TaskID int64
	Client Reporter
	Source spool.Source // used until Done, or until Close has returned
	Budget Budget       // nil is none
	// Ephemeral registrations end with their task's final state, so that one
	// never goes before the log.
	Ephemeral    bool
	Capabilities []string // of the server
	// Runtime gives the task's runtime token, run id and job id for uploads of
	// summaries. An error drops the summary that it was asked for. Nil when
	// there is nobody to ask.
	Runtime func(ctx context.Context) (token common.Secret, runID, jobID string, err error)
	// OnStop is told, once a reason, that the job is to be ended. The sender
	// goes on until the spool has its end. It must not block. May be nil.
	OnStop func(common.StopReason)
	// Failed is told of every request that failed, by its method as in
	// Options.Observe. It is called concurrently, and must not block. May be nil.
	Failed func(method string)
	// Initial is how far the spool was delivered by an earlier sender. Resumed
	// says that there was one, even when it stored nothing.
	Initial spool.Sent
	Resumed bool
	// SaveSent keeps how far it is delivered now. May be nil.
	SaveSent func(spool.Sent) error
}

// Sender sends the spools of any number of jobs. All methods are safe for
// concurrent use.
type Sender struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	leaving chan struct{} // closed by Close
	wg      sync.WaitGroup

	mu     sync.Mutex
	config common.ReportingConfig
	jobs   map[*job]struct{}
	closed bool
}

// New makes a sender. Close it.
func New(options Options) *Sender {
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	if options.Observe == nil {
		options.Observe = func(string, time.Duration, error) {}
	}
	if options.Panicked == nil {
		options.Panicked = func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Sender{
		options: options,
		ctx:     ctx,
		cancel:  cancel,
		leaving: make(chan struct{}),
		config:  withDefaults(options.Config),
		jobs:    make(map[*job]struct{}),
	}
}

// Add starts to send a job's records. After Close it does nothing: the handle
// is never done.
func (s *Sender) Add(spec Job) *Handle {
	j := newJob(s, spec)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &Handle{j}
	}
	s.jobs[j] = struct{}{}
	s.wg.Go(func() {
		j.run(s.ctx)
		s.mu.Lock()
		delete(s.jobs, j)
		s.mu.Unlock()
	})
	return &Handle{j}
}

// Reconfigure changes the intervals, also of jobs that run.
func (s *Sender) Reconfigure(config common.ReportingConfig) {
	s.mu.Lock()
	s.config = withDefaults(config)
	s.mu.Unlock()
	for _, j := range s.list() {
		j.wake()
	}
}

// withDefaults fills in what must not be zero.
func withDefaults(config common.ReportingConfig) common.ReportingConfig {
	if config.LogReportInterval <= 0 {
		config.LogReportInterval = common.Duration(5 * time.Second)
	}
	if config.StateReportInterval <= 0 {
		config.StateReportInterval = common.Duration(5 * time.Second)
	}
	return config
}

func (s *Sender) reporting() common.ReportingConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

func (s *Sender) list() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := make([]*job, 0, len(s.jobs))
	for j := range s.jobs {
		jobs = append(jobs, j)
	}
	return jobs
}

// Close sends what can be sent until ctx ends, and returns when nothing is
// sent any more. What is not delivered stays in the spools for the next
// sender; the handles of such jobs never become done.
func (s *Sender) Close(ctx context.Context) {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.leaving)
	}
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.cancel)
	s.wg.Wait()
	stop()
	s.cancel()
}

// Stats is what waits to be sent.
type Stats struct {
	Jobs   int
	Rows   int64
	Bytes  int64         // of spools, not yet acknowledged
	Behind time.Duration // age of the oldest row that waits
}

// Stats gives the sums over all jobs.
func (s *Sender) Stats() Stats {
	var sum Stats
	for _, j := range s.list() {
		one := j.stats()
		sum.Jobs++
		sum.Rows += one.Rows
		sum.Bytes += one.Bytes
		sum.Behind = max(sum.Behind, one.Behind)
	}
	return sum
}

// Progress is how far a job is, by its spool.
type Progress struct {
	Key   string              // the Job's
	State *runnerv1.TaskState // nil before the first
}

// Progress tells how far the jobs are that are being sent.
func (s *Sender) Progress() []Progress {
	var all []Progress
	for _, j := range s.list() {
		all = append(all, Progress{Key: j.Key, State: j.lastState()})
	}
	return all
}

// Outcome is how the delivery of a job ended.
type Outcome string

const (
	// Pending: not ended.
	Pending Outcome = ""
	// Delivered: the server has everything that it takes.
	Delivered Outcome = "delivered"
	// Dropped: the server will not take the rest, see the reason.
	Dropped Outcome = "dropped"
)

// DropReason is why a report was dropped.
type DropReason string

const (
	// DroppedAge: it was tried for spool_max_age.
	DroppedAge DropReason = "age"
	// DroppedRefused: the server refuses the result.
	DroppedRefused DropReason = "refused"
	// DroppedUnregistered: the server does not know the registration.
	DroppedUnregistered DropReason = "unregistered"
	// DroppedTask: the server has closed the task, does not know it, or knows it
	// as another runner's.
	DroppedTask DropReason = "task"
)

// Handle is a job that is being sent.
type Handle struct{ job *job }

// Wake says that there may be new records. It never blocks.
func (h *Handle) Wake() { h.job.wake() }

// Done is closed when everything is delivered or dropped; the source is not
// used any more then.
func (h *Handle) Done() <-chan struct{} { return h.job.done }

// Outcome tells how the delivery ended, and why when something was dropped.
func (h *Handle) Outcome() (Outcome, string) {
	h.job.mu.Lock()
	defer h.job.mu.Unlock()
	return h.job.outcome, h.job.why
}

// Dropped is why the report, or its rest, was dropped; "" when it was not.
func (h *Handle) Dropped() DropReason {
	h.job.mu.Lock()
	defer h.job.mu.Unlock()
	if h.job.outcome != Dropped {
		return ""
	}
	return h.job.dropped
}

// End gives the job's end once it has been read from the spool.
func (h *Handle) End() (spool.End, bool) {
	h.job.mu.Lock()
	defer h.job.mu.Unlock()
	if h.job.end == nil {
		return spool.End{}, false
	}
	return *h.job.end, true
}

// Stats gives what waits to be sent of this job.
func (h *Handle) Stats() Stats { return h.job.stats() }
