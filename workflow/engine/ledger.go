package engine

import (
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
)

// ledger keeps the task's state and appends it to the trace at transitions.
//
// The viewer needs the steps' ranges of rows to follow each other without a
// gap: a range starts where the one before ended, so that rows which come
// between two steps belong to the later one.
type ledger struct {
	trace common.Trace
	log   logrus.FieldLogger

	mu     sync.Mutex
	state  *runnerv1.TaskState // with the steps that were visited, in order
	total  int                 // steps in the payload
	open   *runnerv1.StepState // the running one, nil between steps
	end    int64               // where the last step's range ended
	any    bool                // a step has run, end holds
	failed bool                // a state could not be kept, and the operator knows
}

func newLedger(task int64, trace common.Trace, log logrus.FieldLogger) *ledger {
	return &ledger{
		trace: trace, log: log,
		state: &runnerv1.TaskState{Id: task},
	}
}

// start sets when the job began. The first state comes with the first step.
func (l *ledger) start() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.StartedAt = timestamppb.Now()
}

// expect says how many steps there are to close at the end.
func (l *ledger) expect(steps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = steps
}

// begin opens a step.
func (l *ledger) begin(step int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = &runnerv1.StepState{Id: int64(step), StartedAt: timestamppb.Now(), LogIndex: l.next()}
	l.state.Steps = append(l.state.Steps, l.open)
	l.any, l.end = true, l.open.LogIndex
	l.append()
}

// finish closes the open step.
func (l *ledger) finish(r result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.close(r) {
		l.append()
	}
}

func (l *ledger) close(r result) bool {
	if l.open == nil {
		return false
	}
	l.open.Result = r.proto()
	l.open.StoppedAt = timestamppb.Now()
	l.end = l.trace.Rows()
	l.open.LogLength = l.end - l.open.LogIndex
	l.open = nil
	return true
}

// skip closes a step that does not run. The next transition tells the server.
func (l *ledger) skip(step int, r result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass(step, r)
}

func (l *ledger) pass(step int, r result) {
	l.state.Steps = append(l.state.Steps, &runnerv1.StepState{Id: int64(step), Result: r.proto(), LogIndex: l.next()})
}

// next is where the next range starts.
func (l *ledger) next() int64 {
	if l.any {
		return l.end
	}
	return l.trace.Rows()
}

// started tells when the job began.
func (l *ledger) started() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.StartedAt.AsTime()
}

// final gives the end state: running is how an open step ended, unvisited what
// became of the steps that were not reached.
func (l *ledger) final(job, running, unvisited result) *runnerv1.TaskState {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close(running)
	for step := len(l.state.Steps); step < l.total; step++ {
		l.pass(step, unvisited)
	}
	l.state.Result = job.proto()
	l.state.StoppedAt = timestamppb.Now()
	return l.state
}

// append writes the state. l.mu is held.
func (l *ledger) append() {
	if l.open != nil {
		l.open.LogLength = l.trace.Rows() - l.open.LogIndex
	}
	if err := l.trace.State(l.state); err != nil && !l.failed {
		l.failed = true
		l.log.WithError(err).Error("A step's state could not be kept, the job goes on")
	}
}
