package engine

import (
	"context"
	"fmt"

	"multirunner/workflow/action"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// usesWork is a step that uses an action.
type usesWork struct {
	def    *model.Step
	ref    action.Reference
	fault  error   // why there is no ref
	action *usable // nil until the action is there
	needed bool    // the workspace does not stand for it
	warned bool    // about its inputs
}

// hasPre implements preWork. The workspace is not there yet when pre parts
// run, so its actions have none (GitHub: ActionRunner.cs).
func (w *usesWork) hasPre() bool {
	if w.action == nil || w.ref.Kind == action.Local {
		return false
	}
	if f := w.action.frame; f != nil {
		return len(preSteps(f)) > 0
	}
	return w.action.has(w.action.manifest.Runs.Pre, w.action.manifest.Runs.PreEntrypoint)
}

// hasPost implements postWork. That of a composite action comes with those of
// its steps.
func (w *usesWork) hasPost() bool {
	return w.action != nil && w.action.has(w.action.manifest.Runs.Post, w.action.manifest.Runs.PostEntrypoint)
}

// has tells whether the action has a part: a file for node, or an entrypoint of
// its image, if that is there.
func (u *usable) has(file, entrypoint string) bool {
	return file != "" || entrypoint != "" && u.image != ""
}

// preIf implements preWork.
func (w *usesWork) preIf(scope expression.Scope) (bool, error) {
	return condition(w.action.manifest.Runs.PreIf, scope)
}

// postIf implements postWork.
func (w *usesWork) postIf(scope expression.Scope) (bool, error) {
	return condition(w.action.manifest.Runs.PostIf, scope)
}

// condition evaluates a pre-if or post-if. Absent means always(); success() is
// not added, unlike to an if.
func condition(v model.Value, scope expression.Scope) (bool, error) {
	text := v.Text()
	if text == "" {
		return true, nil
	}
	if !v.IsExpression() {
		text = "${{ " + text + " }}"
	}
	template, err := expression.ParseTemplate(text)
	if err != nil {
		return false, v.Errorf("%w", err)
	}
	holds, err := template.Eval(scope)
	if err != nil {
		return false, v.Errorf("%w", err)
	}
	return holds.Truthy(), nil
}

// pre implements preWork.
func (w *usesWork) pre(ctx context.Context, r *stepRun) result {
	return w.run(ctx, r, w.action.manifest.Runs.Pre)
}

// main implements work.
func (w *usesWork) main(ctx context.Context, r *stepRun) result {
	if w.isWorkspace(r) {
		return w.checkedOut(r)
	}
	if err := w.load(ctx, r); err != nil {
		r.job.rows.say("##[group]Run " + w.def.Uses.Text() + "\n##[endgroup]")
		if ctx.Err() == nil {
			r.job.rows.fault(fmt.Sprintf("Step %d (%s): %v", r.step.index+1, r.step.title(r.scope()), err))
		}
		return failure
	}
	r.job.registerPost(r.phase)
	return w.run(ctx, r, w.action.manifest.Runs.Main)
}

// post implements postWork.
func (w *usesWork) post(ctx context.Context, r *stepRun) result {
	return w.run(ctx, r, w.action.manifest.Runs.Post)
}

// load makes the action usable when it is not yet: what lies in the workspace
// is looked at only now.
func (w *usesWork) load(ctx context.Context, r *stepRun) error {
	if w.action != nil {
		return nil
	}
	switch {
	case w.fault != nil:
		return w.fault
	case w.ref.Kind == action.Docker && r.job.engine == nil:
		return w.needsEngine(r.job)
	case w.ref.Kind == action.Local:
		return r.job.useLocal(ctx, r.step)
	case w.ref.Kind == action.Repository && r.job.actions.source == nil:
		return fmt.Errorf("the action %s is not in the workspace, and this runner fetches none: it has no store for actions", w.ref)
	}
	w.needed = true
	return r.job.resolveActions(ctx, []*step{r.step})
}

// needsEngine is why an action that is an image does not run here.
func (w *usesWork) needsEngine(j *Job) error {
	return fmt.Errorf("the action %s runs in a container, and the %s executor of this runner has no container engine: use an action without one, or a runner whose label runs jobs in containers", w.ref, j.spec.Executor)
}

// run runs a part of the action: script is its file for actions on node.
func (w *usesWork) run(ctx context.Context, r *stepRun, script string) result {
	j, runs := r.job, w.action.manifest.Runs
	inputs, err := w.inputs(r)
	if err != nil {
		r.actionHeader(w, nil)
		r.fault(err)
		return failure
	}
	r.actionHeader(w, inputs)
	w.warn(r)
	switch {
	case runs.Using.IsNode():
		return w.runNode(ctx, r, inputs, script)
	case w.action.frame != nil:
		return w.runComposite(ctx, r, inputs)
	case w.action.image != "":
		return w.runDocker(ctx, r, inputs)
	}
	j.rows.fault(fmt.Sprintf("Step %d (%s): %v", r.step.index+1, r.step.title(r.scope()), w.needsEngine(j)))
	return failure
}
