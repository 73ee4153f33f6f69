package engine

import (
	"context"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// part is which part of a step a phase is.
type part int

const (
	partMain part = iota
	partPre
	partPost
	partHook
)

// phase is one thing that the job's loop runs. A step's pre and post share its
// env, timeout and continue-on-error with its main (GitHub: ActionRunner.cs).
type phase struct {
	part            part
	step            *step
	env             model.Value
	timeout         model.Value
	continueOnError model.Value
	condition       func(scope expression.Scope) (bool, error)
	do              func(ctx context.Context, r *stepRun) result
}

func (s *step) phase(part part, condition func(expression.Scope) (bool, error), do func(context.Context, *stepRun) result) *phase {
	return &phase{
		part: part, step: s, condition: condition, do: do,
		env: s.def.Env, timeout: s.def.TimeoutMinutes, continueOnError: s.def.ContinueOnError,
	}
}

// runSteps runs all pre phases, all steps, and then the post phases that were
// registered, the last one first.
func (j *Job) runSteps() {
	j.set(func(s *Snapshot) { s.Phase = PhaseSteps })
	for _, s := range j.frame.steps {
		if w, ok := s.work.(preWork); ok && w.hasPre() {
			j.runPhase(s.phase(partPre, w.preIf, w.pre))
		}
	}
	for _, s := range j.frame.steps {
		j.runPhase(s.phase(partMain, s.def.If.EvalCondition, s.work.main))
	}
	for p := j.popPost(); p != nil; p = j.popPost() {
		j.runPhase(p)
	}
}

// registerPost makes a step's post phase one that is to come, once: on the
// job's stack, or among those that the post phase of the composite action
// around it runs.
func (j *Job) registerPost(p *phase) {
	if w, ok := p.step.work.(postWork); !ok || !w.hasPost() || p.part == partPost {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for s := p.step; !s.hasPost; s = s.frame.outer {
		s.hasPost = true
		if !s.embedded() {
			w := s.work.(postWork)
			j.posts = append(j.posts, s.phase(partPost, w.postIf, w.post))
			return
		}
	}
}

func (j *Job) popPost() *phase {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.posts) == 0 {
		return nil
	}
	last := len(j.posts) - 1
	p := j.posts[last]
	j.posts = j.posts[:last]
	return p
}

// runPhase runs a phase if its condition holds. When the job is being left,
// conditions are not looked at: everything is skipped.
func (j *Job) runPhase(p *phase) {
	if j.stop.leaving() {
		j.pass(p)
		return
	}
	r := newStepRun(j, p)
	wanted, err := true, r.prepareEnv()
	if err == nil {
		wanted, err = r.wanted()
	}
	if err == nil && !wanted {
		j.pass(p)
		return
	}
	if err != nil {
		j.refuse(p, r, err)
		return
	}
	j.open(p, r)
	r.conclude(r.run())
}

// refuse ends a phase that cannot begin, and gives its result.
func (j *Job) refuse(p *phase, r *stepRun, err error) result {
	j.open(p, r)
	r.fault(err)
	return r.conclude(failure)
}

// open begins a phase for the outside: only the main phase of a step of the job
// is a step of the protocol.
func (j *Job) open(p *phase, r *stepRun) {
	if p.step.embedded() {
		j.mu.Lock()
		p.step.begun = true
		j.mu.Unlock()
		return
	}
	title := j.masker.Mask(p.step.title(r.scope()))
	j.mu.Lock()
	p.step.begun = true
	j.now.Step, j.now.StepName = p.step.index+1, title
	j.mu.Unlock()
	if p.part == partMain {
		j.ledger.begin(p.step.index)
	}
}

// pass skips a phase.
func (j *Job) pass(p *phase) {
	if p.part != partMain {
		return
	}
	j.mu.Lock()
	p.step.begun, p.step.outcome, p.step.conclusion = true, skipped, skipped
	j.mu.Unlock()
	if !p.step.embedded() {
		j.ledger.skip(p.step.index, skipped)
	}
}
