package sender

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"multirunner/common"
	"multirunner/helpers/backoff"
	"multirunner/network"
	"multirunner/network/spool"
)

const (
	lookInterval = time.Second // at a spool whose job is silent
	panicPause   = 10 * time.Second
	releaseStep  = 8 << 20 // bytes acknowledged between two releases of space
)

// mark is a place in the spool, with what is before it.
type mark struct {
	offset int64
	rows   int64
	state  []byte // the last state, encoded
}

// waiting is an output or a summary that the server does not have.
type waiting struct {
	at     mark
	name   string // of an output
	step   int    // of a summary
	size   int
	misses int // answers that did not confirm it
}

// job is one spool being sent. Two loops share it: one sends rows and
// summaries, one states, outputs and the end, so that neither waits for the
// other's requests.
type job struct {
	Job
	sender    *Sender
	log       logrus.FieldLogger
	logWake   chan struct{}
	stateWake chan struct{}
	done      chan struct{}

	mu sync.Mutex

	// What the spool says.
	tail        mark      // everything before it was looked at
	lastRow     int64     // offset of the last row
	transitions int64     // state records seen
	unsentSince time.Time // when the oldest row that waits was seen
	end         *spool.End
	outputs     []waiting
	summaries   []waiting
	unreadable  bool // told about it

	// What the server has.
	acked       int64 // rows
	cursor      mark  // the row to read next, or a place before it
	origin      mark  // what is before it can no longer be read
	sentOutputs map[string]bool
	sentSums    []int64 // offsets of summaries behind Sent.Offset
	logClosed   bool
	finalSent   bool
	unsaved     bool // told about it
	releaseAt   int64

	// How it goes.
	logs    lane // UpdateLog
	sums    lane // UploadSummary
	state   lane // UpdateTask
	rowsMax int  // rows in a request; less after a refusal
	refused int64
	flushed int64 // transitions at the last UpdateLog
	stated  int64 // transitions at the last UpdateTask
	one     bool  // outputs go one by one, after a refusal
	stopped map[common.StopReason]bool
	doomed  string // why nothing is tried twice any more
	outcome Outcome
	why     string
	dropped DropReason

	savedFailing time.Duration // as stored
}

func newJob(s *Sender, spec Job) *job {
	start := mark{offset: max(spec.Initial.Offset, spool.Start), rows: spec.Initial.Rows, state: spec.Initial.State}
	j := &job{
		Job:         spec,
		sender:      s,
		log:         s.options.Log.WithFields(logrus.Fields{"job": spec.Key, "task": spec.TaskID}),
		logWake:     make(chan struct{}, 1),
		stateWake:   make(chan struct{}, 1),
		done:        make(chan struct{}),
		tail:        start,
		lastRow:     -1,
		acked:       start.rows,
		cursor:      start,
		origin:      start,
		sentOutputs: make(map[string]bool),

		savedFailing: spec.Initial.Failing,
		sentSums:     slices.Clone(spec.Initial.Summaries),
		logClosed:    spec.Initial.LogClosed,
		finalSent:    spec.Initial.Final,
		releaseAt:    start.offset + releaseStep,
		rowsMax:      maxRows,
		refused:      -1,
		stopped:      make(map[common.StopReason]bool),
	}
	if len(start.state) > 0 {
		j.transitions = 1 // the server may not have it
	}
	for _, name := range spec.Initial.Outputs {
		j.sentOutputs[name] = true
	}
	now := time.Now()
	for _, l := range []*lane{&j.logs, &j.sums, &j.state} {
		l.retry = backoff.New(retryBase, retryMax, retryJitter, s.options.Rand)
		l.before = spec.Initial.Failing
		if !spec.Resumed {
			l.last = now
		}
	}
	if j.Budget == nil {
		j.Budget = unlimited{}
	}
	return j
}

type unlimited struct{}

func (unlimited) Spend()           {}
func (unlimited) Stretch() float64 { return 1 }

// run sends until all is delivered or dropped, or the sender leaves.
func (j *job) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { j.loop(ctx, j.logWake, j.logStep) })
	j.loop(ctx, j.stateWake, j.stateStep)
	wg.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.outcome != Pending {
		close(j.done)
	}
}

// next is what a step says to its loop.
type next struct {
	leave bool
	at    time.Time // when there is something to do; zero: when woken
}

// loop runs a step whenever it is due, until it says to leave.
func (j *job) loop(ctx context.Context, wake <-chan struct{}, step func(context.Context) next) {
	for ctx.Err() == nil {
		leaving := j.sender.leaving
		if j.leaving() {
			leaving = nil // the step knows it
		}
		todo := j.guarded(ctx, step)
		if todo.leave {
			return
		}
		j.sleep(ctx, wake, leaving, todo.at)
	}
}

// guarded turns a panic of a step into a log line and a pause: other jobs go
// on, and so may this one.
func (j *job) guarded(ctx context.Context, step func(context.Context) next) (todo next) {
	defer func() {
		if cause := recover(); cause != nil {
			j.log.WithField("stack", string(debug.Stack())).Errorf("bug: panic while sending: %v", cause)
			j.sender.options.Panicked()
			select {
			case <-ctx.Done():
			case <-time.After(panicPause):
			}
			todo = next{at: time.Now()}
		}
	}()
	return step(ctx)
}

// sleep waits until a time, for a wake, or for the next look at the spool.
func (j *job) sleep(ctx context.Context, wake, leaving <-chan struct{}, at time.Time) {
	wait := time.Hour
	if !at.IsZero() {
		wait = time.Until(at)
	}
	j.mu.Lock()
	if j.end == nil {
		wait = min(wait, lookInterval)
	}
	j.mu.Unlock()
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-leaving:
	case <-ctx.Done():
	}
}

func (j *job) leaving() bool {
	select {
	case <-j.sender.leaving:
		return true
	default:
		return false
	}
}

func (j *job) wake() {
	for _, ch := range []chan struct{}{j.logWake, j.stateWake} {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// observe does a request's accounting. It is called without the lock.
func (j *job) observe(method string, call func() error) error {
	j.Budget.Spend()
	began := time.Now()
	err := call()
	j.sender.options.Observe(method, time.Since(began), err)
	if err != nil && j.Failed != nil {
		j.Failed(method)
	}
	return err
}

// stop tells the job's owner once to end it. j.mu is not held.
func (j *job) stop(reason common.StopReason) {
	j.mu.Lock()
	told := j.stopped[reason]
	j.stopped[reason] = true
	j.mu.Unlock()
	if !told && j.OnStop != nil {
		j.OnStop(reason)
	}
}

// doom says that the server will not take this job's reports: the job is
// killed, and what is left is tried once. j.mu is not held.
func (j *job) doom(reason DropReason, why string) {
	j.mu.Lock()
	first, running := j.doomed == "", j.end == nil
	if first {
		j.doomed, j.dropped = why, reason
		j.log.Warnf("giving the task up: %s", why)
	}
	j.mu.Unlock()
	if running {
		j.stop(common.StopKill)
	}
	j.wake()
}

// fatal gives the reason when an error ends all reporting of a task.
func fatal(err error) (reason DropReason, why string) {
	switch network.Classify(err) {
	case network.ClassUnregistered:
		return DroppedUnregistered, "the server does not know this runner any more"
	case network.ClassTaskGone:
		return DroppedTask, "the task does not exist on the server any more"
	case network.ClassForeignTask:
		return DroppedTask, "the task belongs to another runner"
	}
	return "", ""
}

// conclude ends the delivery. j.mu is held.
func (j *job) conclude() {
	if j.outcome != Pending {
		return
	}
	j.outcome = Delivered
	if j.doomed != "" {
		j.outcome, j.why = Dropped, j.doomed
		rows := max(0, j.tail.rows-j.acked)
		j.log.Warnf("dropped what was left to send (%d rows, %d outputs, %d summaries): %s", rows, len(j.outputs), len(j.summaries), j.doomed)
	}
	j.wake()
}

// lastState gives the last state that the spool has, or nil.
func (j *job) lastState() *runnerv1.TaskState {
	j.mu.Lock()
	data := j.tail.state
	j.mu.Unlock()
	var state runnerv1.TaskState
	if len(data) == 0 || proto.Unmarshal(data, &state) != nil {
		return nil
	}
	return &state
}

func (j *job) stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Jobs: 1, Rows: max(0, j.tail.rows-j.acked), Bytes: j.tail.offset - j.cursor.offset}
	if s.Rows > 0 && !j.unsentSince.IsZero() {
		s.Behind = time.Since(j.unsentSince)
	}
	return s
}
