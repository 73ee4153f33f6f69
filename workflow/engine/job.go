package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/mask"
	"multirunner/workflow/matcher"
	"multirunner/workflow/model"
)

// Options are what a job needs. All fields but Actions and Machine must be set.
type Options struct {
	Spec     *common.JobSpec
	Task     *runnerv1.Task
	Executor common.Executor
	Trace    common.Trace
	// Masker hides the job's secrets in everything that goes to Trace. The job
	// adds those of the task.
	Masker *mask.Masker
	// Log is for operators: what goes wrong around the job, no output of it.
	Log logrus.FieldLogger
	// Actions gets the actions that steps use; nil when this runner fetches
	// none.
	Actions ActionSource
	// Machine is where the executor runs commands; this machine when zero.
	Machine MachineInfo
}

// Job is one job of a workflow, to be run once.
type Job struct {
	spec     *common.JobSpec
	task     *runnerv1.Task
	executor common.Executor
	engine   common.ContainerExecutor // the executor, nil when it has no container engine
	trace    common.Trace
	masker   *mask.Masker
	log      logrus.FieldLogger
	machine  MachineInfo
	kindOf   func(*model.Step) work

	base     context.Context // Run's values, never done
	rows     *rowLog
	ledger   *ledger
	stop     *stopper
	late     lateOutput
	matchers matcher.Set

	// Of the job's goroutine.
	actions   actionSet
	nodes     []foundNode
	summaries int // bytes of all steps' summaries

	// Set while the job is set up, not changed after that.
	workflow *model.Workflow
	def      *model.Job
	contexts contexts
	defaults defaults
	timeout  time.Duration
	baseEnv  *variables // of the executor
	exported []variable // the same for every step
	debug    bool       // debug rows are shown
	skipped  bool       // the job's if is false
	prepared bool       // the executor is ready

	asked       common.JobContainers // what the job says of containers
	inContainer bool                 // its commands run in one

	mu     sync.Mutex // guards the rest, which conditions read while a step runs
	result result     // failure once something failed that counts, else success
	fault  string     // what failed first, for operators
	env    *variables // of workflow and job, and what steps added
	path   []string   // directories that steps put before PATH, the last one first
	frame  *frame     // the steps of the job
	posts  []*phase   // the last one runs first
	now    Snapshot
}

// New makes a job. It touches nothing yet.
func New(o Options) *Job {
	j := &Job{
		spec: o.Spec, task: o.Task, executor: o.Executor, trace: o.Trace,
		masker: o.Masker, log: o.Log, machine: o.Machine,
		base: context.Background(), stop: newStopper(), result: success, frame: new(frame),
	}
	j.kindOf = j.workOf
	j.engine, _ = o.Executor.(common.ContainerExecutor)
	if j.machine == (MachineInfo{}) {
		j.machine = LocalMachine()
	}
	j.rows = &rowLog{trace: o.Trace, masker: o.Masker, log: o.Log, limit: int64(o.Spec.OutputLimit)}
	j.ledger = newLedger(o.Task.GetId(), o.Trace, o.Log)
	j.late.rows = j.rows
	j.actions = newActionSet(o.Actions)
	j.env = newVariables(j.machine.windows(), 16)
	j.baseEnv = newVariables(j.machine.windows(), 0)
	j.now = Snapshot{TaskID: o.Task.GetId(), Phase: PhaseSetUp}
	return j
}

// Run runs the job to its end and gives its result. Whatever happens, the
// executor is cleaned up and the trace gets an end; a panic is a failed job.
// Only the values of ctx matter: Stop is the way to end a job.
func (j *Job) Run(ctx context.Context) runnerv1.Result {
	j.base = context.WithoutCancel(ctx)
	j.ledger.start()
	j.set(func(s *Snapshot) { s.Started = time.Now() })
	j.protect("the job", func() {
		if err := j.setUp(); err != nil {
			j.fail(err)
			return
		}
		if !j.skipped {
			j.runSteps()
		}
	})
	j.set(func(s *Snapshot) { s.Phase, s.Step, s.StepName = PhaseComplete, 0, "" })
	j.protect("the end of the job", j.complete)
	j.protect("the clean-up of the job", j.cleanUp)
	return j.end()
}

// fail makes the job a failed one and says why. A stop has said so itself.
func (j *Job) fail(err error) {
	if errors.Is(err, errCancelled) || errors.Is(err, errShutdown) || errors.Is(err, common.ErrKill) {
		return
	}
	j.rows.fault(err.Error())
	j.markFailed(err.Error())
}

// markFailed makes the job a failed one. why is for operators.
func (j *Job) markFailed(why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result = failure
	if j.fault == "" {
		j.fault = strings.ReplaceAll(j.masker.Mask(why), "\n", "; ")
	}
}

// protect runs f. A panic in it fails the job and is logged with its stack.
func (j *Job) protect(what string, f func()) {
	defer j.recover(what)
	f()
}

// recover is for defer: it makes a failed job of a panic.
func (j *Job) recover(what string) {
	caught := recover()
	if caught == nil {
		return
	}
	text := j.masker.Mask(fmt.Sprint(caught))
	j.log.WithField("stack", string(debug.Stack())).Errorf("Panic in %s: %s", what, text)
	j.rows.fault(fmt.Sprintf("The runner has failed in %s: %s. This is a fault of the runner, not of the workflow.", what, text))
	j.markFailed("panic in " + what + ": " + text)
}

// status is job.status: a cancelled job stays cancelled.
func (j *Job) status() result {
	if j.stop.cancelled() {
		return cancelled
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.result
}

// end appends the end to the trace.
func (j *Job) end() runnerv1.Result {
	final, running, unvisited := j.verdict()
	reason := j.reason(final)
	j.rows.say("Job result: " + string(final))
	j.stop.done()
	j.rows.close()
	state := j.ledger.final(final, running, unvisited)
	if err := j.trace.End(state, reason); err != nil {
		j.log.WithError(err).Error("The job's end could not be kept")
	}
	j.set(func(s *Snapshot) { s.Phase, s.Status = PhaseEnded, string(final) })
	return final.proto()
}

// verdict gives the job's result, that of a step that is still open, and that
// of steps that were not reached.
func (j *Job) verdict() (job, running, unvisited result) {
	j.mu.Lock()
	own := j.result
	j.mu.Unlock()
	switch stopped := j.stop.verdict(); {
	case stopped == cancelled:
		return cancelled, cancelled, cancelled
	case stopped != "":
		return stopped, failure, skipped
	case j.skipped && own == success:
		return skipped, skipped, skipped
	}
	return own, failure, skipped
}

func (j *Job) reason(final result) string {
	if why := j.stop.reason(); why != "" {
		return why
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if final == failure && j.fault != "" {
		return j.fault
	}
	return string(final)
}
