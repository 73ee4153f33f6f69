package engine

import (
	"context"
	"fmt"

	"multirunner/workflow/model"
)

// usesWork is a step that uses an action. This runner runs none yet, and says
// so rather than skip what the steps after it rely on.
type usesWork struct{ def *model.Step }

func (w usesWork) main(_ context.Context, r *stepRun) result {
	r.job.rows.say("##[group]Run " + w.def.Uses.Text() + "\n##[endgroup]")
	r.job.rows.fault(fmt.Sprintf("Step %d (%s) uses the action %s: this version of the runner runs no actions, only run steps.",
		r.step.index+1, r.step.title(r.scope()), w.def.Uses.Text()))
	return failure
}
