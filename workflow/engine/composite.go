package engine

import (
	"context"
	"fmt"
	"slices"

	"multirunner/workflow/model"
)

// runComposite runs the part that r is of all the action's steps. Their pre
// parts are one pre part of the step that uses the action, their post parts one
// post part (GitHub: CompositeActionHandler.cs).
func (w *usesWork) runComposite(ctx context.Context, r *stepRun, inputs []model.Pair) result {
	f := w.action.frame
	r.job.mu.Lock()
	f.begin(r.phase.part, inputsObject(inputs), r.own)
	r.job.mu.Unlock()
	switch r.phase.part {
	case partPre:
		return r.runEmbedded(ctx, f, preSteps(f))
	case partPost:
		return r.runEmbedded(ctx, f, r.job.postSteps(f))
	}
	phases := make([]*phase, len(f.steps))
	for i, s := range f.steps {
		phases[i] = s.phase(partMain, s.def.If.EvalCondition, s.work.main)
	}
	return worse(r.runEmbedded(ctx, f, phases), w.takeOutputs(r))
}

// preSteps gives the pre parts of the steps that have one, in order.
func preSteps(f *frame) []*phase {
	var phases []*phase
	for _, s := range f.steps {
		if w, ok := s.work.(preWork); ok && w.hasPre() {
			phases = append(phases, s.phase(partPre, w.preIf, w.pre))
		}
	}
	return phases
}

// postSteps gives the post parts of the steps that have begun, the last one
// first.
func (j *Job) postSteps(f *frame) []*phase {
	j.mu.Lock()
	defer j.mu.Unlock()
	var phases []*phase
	for _, s := range slices.Backward(f.steps) {
		if w, ok := s.work.(postWork); ok && s.hasPost {
			phases = append(phases, s.phase(partPost, w.postIf, w.post))
		}
	}
	return phases
}

// runEmbedded runs phases of the action's steps, and gives the action's result.
func (r *stepRun) runEmbedded(ctx context.Context, f *frame, phases []*phase) result {
	ended := success
	for _, p := range phases {
		if ctx.Err() != nil {
			r.job.pass(p)
			continue
		}
		concluded, broken := r.job.runWithin(ctx, p)
		if concluded == failure || concluded == cancelled {
			ended = worse(ended, concluded)
			r.job.mu.Lock()
			f.status = ended
			r.job.mu.Unlock()
		}
		if broken {
			break
		}
	}
	return ended
}

// runWithin runs a phase of a composite action's step if its condition holds.
// It tells how that ended, and whether the action cannot go on: a condition
// that cannot be evaluated ends it.
func (j *Job) runWithin(ctx context.Context, p *phase) (concluded result, broken bool) {
	r := newStepRunWithin(ctx, j, p)
	if err := r.prepareEnv(); err != nil {
		return j.refuse(p, r, err), false
	}
	wanted, err := r.wanted()
	switch {
	case err != nil:
		return j.refuse(p, r, err), true
	case !wanted:
		j.pass(p)
		return skipped, false
	}
	j.open(p, r)
	return r.conclude(r.run()), false
}

// takeOutputs evaluates the action's outputs. They are all that the job sees of
// what its steps gave.
func (w *usesWork) takeOutputs(r *stepRun) result {
	ended := success
	for _, output := range w.action.manifest.Outputs {
		value, err := output.Value.EvalString(r.job.scopeIn(inActionOutputs, r, w.action.frame))
		if err != nil {
			r.job.rows.fault(fmt.Sprintf("%s: %v", w.ref, err))
			ended = failure
			continue
		}
		r.setOutput(output.Name, value)
	}
	return ended
}
