package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"multirunner/common"
	"multirunner/workflow/expression"
)

// stepRun is one phase while it runs: what its work needs to do its part.
type stepRun struct {
	job    *Job
	phase  *phase
	step   *step
	within context.Context // the phase ends with it
	env    *variables      // the env context; guarded by Job.mu
	own    *variables      // what the step and those around it have set of env
	extra  []variable      // of the work, for its processes only
	onNode bool            // its process is an action's node
	files  fileCommands
	output *stepOutput
}

// newStepRun makes the run of a phase of a step of the job, or of a hook.
func newStepRun(j *Job, p *phase) *stepRun { return newStepRunWithin(j.stop.ends, j, p) }

// newStepRunWithin makes the run of a phase that ends with ctx at the latest.
func newStepRunWithin(ctx context.Context, j *Job, p *phase) *stepRun {
	r := &stepRun{job: j, phase: p, step: p.step, within: ctx}
	j.mu.Lock()
	r.env = j.env.clone()
	r.own = newVariables(j.machine.windows(), 0)
	if around := p.step.frame.env; around != nil {
		r.env.add(around)
		r.own.add(around)
	}
	j.mu.Unlock()
	r.output = newStepOutput(r)
	return r
}

// prepareEnv evaluates the step's env.
func (r *stepRun) prepareEnv() error {
	pairs, err := r.phase.env.EvalMap(r.scope())
	if err != nil {
		return err
	}
	r.job.mu.Lock()
	defer r.job.mu.Unlock()
	for _, p := range pairs {
		r.env.set(p.Key, p.Value)
		r.own.set(p.Key, p.Value)
	}
	return nil
}

// wanted evaluates the condition. It sees the step's env (GitHub: StepsRunner.cs).
func (r *stepRun) wanted() (bool, error) { return r.phase.condition(r.ifScope()) }

// scope gives what expressions of the step see in all keys but its conditions.
func (r *stepRun) scope() expression.Scope {
	if r.step.embedded() {
		return r.job.scope(inActionStep, r)
	}
	return r.job.scope(inStep, r)
}

// ifScope gives what the step's conditions see.
func (r *stepRun) ifScope() expression.Scope {
	if r.step.embedded() {
		return r.job.scope(inActionStepIf, r)
	}
	return r.job.scope(inStepIf, r)
}

// run does the phase's work and what always follows it, and gives how it ended
// before continue-on-error.
func (r *stepRun) run() result {
	r.job.registerPost(r.phase)
	timeout, err := r.phase.timeout.EvalMinutes(r.scope())
	if err != nil {
		r.fault(err)
		return failure
	}
	r.files.begin(r.job)
	ended := worse(r.work(timeout), r.takeFiles())
	if r.output.hasFailed() {
		ended = worse(ended, failure)
	}
	return ended
}

// work does the phase's work within its bounds.
func (r *stepRun) work(timeout time.Duration) result {
	ctx, release := r.bound(timeout)
	defer release()
	ended := r.phase.do(ctx, r)
	if ctx.Err() == nil {
		return ended
	}
	return worse(ended, r.interrupted(context.Cause(ctx), timeout))
}

// bound gives the context of the phase's work: it ends with what is around it,
// at the step's timeout, and when the job is cancelled and the condition does not hold
// any more.
func (r *stepRun) bound(timeout time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(r.within)
	checked := make(chan struct{})
	unhook := context.AfterFunc(r.job.stop.cancels, func() {
		defer close(checked)
		r.job.protect("the condition of a step after a cancellation", func() {
			if goOn, err := r.phase.condition(r.ifScope()); err != nil || !goOn {
				cancel(errCancelled)
			}
		})
	})
	stopTimer := func() bool { return true }
	if timeout > 0 {
		stopTimer = time.AfterFunc(timeout, func() { cancel(errStepTimeout) }).Stop
	}
	return ctx, func() {
		stopTimer()
		if !unhook() {
			<-checked
		}
		cancel(nil)
	}
}

// interrupted tells why the phase's work was ended, and as what that counts.
// What ended the step around it is told there.
func (r *stepRun) interrupted(cause error, timeout time.Duration) result {
	around := r.step.embedded() && r.within.Err() != nil
	switch {
	case around && errors.Is(cause, errStepTimeout):
		return failure
	case around && errors.Is(cause, errCancelled):
		return cancelled
	case errors.Is(cause, errStepTimeout):
		r.job.rows.fault(fmt.Sprintf("The step %q has timed out after %s.", r.step.title(r.scope()), minutes(timeout)))
		return failure
	case errors.Is(cause, errCancelled):
		r.job.rows.fault("The operation was cancelled.")
		return cancelled
	}
	if r.job.stop.verdict() == cancelled {
		return cancelled
	}
	return failure
}

// conclude ends the phase: continue-on-error makes a success of a failure, what
// is left of failures counts for the job. It gives what is left.
func (r *stepRun) conclude(ended result) result {
	conclusion := ended
	if ended == failure && r.continues() {
		conclusion = success
	}
	j := r.job
	if conclusion == failure && !r.step.embedded() {
		j.markFailed(fmt.Sprintf("step %d (%s) failed", r.step.index+1, r.step.title(r.scope())))
	}
	if r.phase.part != partMain {
		return conclusion
	}
	j.mu.Lock()
	r.step.outcome, r.step.conclusion = ended, conclusion
	j.mu.Unlock()
	if !r.step.embedded() {
		j.ledger.finish(conclusion)
	}
	return conclusion
}

// continues evaluates continue-on-error, after the step: it may use its outputs.
func (r *stepRun) continues() bool {
	yes, err := r.phase.continueOnError.EvalBool(r.scope(), false)
	if err != nil {
		r.fault(err)
		return false
	}
	return yes
}

// fault logs what is wrong with the step as it is written. For one of a
// composite action it names the action: the error knows only its file.
func (r *stepRun) fault(err error) {
	text := err.Error()
	if r.step.embedded() {
		text = r.step.frame.outer.def.Uses.Text() + ": " + text
	}
	r.job.rows.fault(text)
}

// exec runs a command of the step with its environment and output.
func (r *stepRun) exec(ctx context.Context, path string, args []string, dir string) (common.ExitStatus, error) {
	env := r.processEnv().environ()
	if err := r.files.fault(); err != nil {
		return common.ExitStatus{}, err
	}
	return r.execIn(ctx, r.job.executor, &common.Command{Path: path, Args: args, Dir: dir, Env: env})
}

// execIn runs a command for the step, whose output is the step's.
func (r *stepRun) execIn(ctx context.Context, e common.Executor, cmd *common.Command) (common.ExitStatus, error) {
	stdout, stderr := r.output.stream(), r.output.stream()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Late, cmd.Kill = r.job.late.stream(), r.job.stop.dead.Done()
	status, err := e.Run(ctx, cmd)
	stdout.flush()
	stderr.flush()
	return status, err
}

// report logs how a command ended, unless the step was ended from outside.
func (r *stepRun) report(ctx context.Context, status common.ExitStatus, err error) result {
	return r.reportAs(ctx, status, err, "Process completed with exit code %d.")
}

// reportAs does the same in the words that stand for an exit code.
func (r *stepRun) reportAs(ctx context.Context, status common.ExitStatus, err error, exited string) result {
	switch {
	case ctx.Err() != nil:
		return failureUnless(err == nil && status.Success())
	case err != nil && err == r.files.fault(): // which takeFiles tells
		return failure
	case err != nil:
		r.job.rows.fault(err.Error())
		return failure
	case status.Signal != "":
		r.job.rows.fault(fmt.Sprintf("The process was ended by a signal: %s.", status.Signal))
		return failure
	case status.Code != 0:
		r.job.rows.fault(fmt.Sprintf(exited, status.Code))
		return failure
	}
	return success
}

func failureUnless(ok bool) result {
	if ok {
		return success
	}
	return failure
}
