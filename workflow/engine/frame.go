package engine

import "multirunner/workflow/expression"

// frame is a list of steps that see each other: those of the job, or those of
// one use of a composite action. Its steps do not change once it is made.
type frame struct {
	outer *step // whose action the steps make up; nil for the job's own
	steps []*step
	depth int    // composite actions around the steps, 0 for the job's own
	path  string // github.action_path, as the job sees it

	// What the running part of outer's work has set; guarded by Job.mu.
	part   part
	inputs expression.Value
	env    *variables // that outer and what is around it have set on top of the job's env
	status result     // github.action_status
}

// embedded tells whether the steps are those of a composite action.
func (f *frame) embedded() bool { return f.outer != nil }

// begin prepares the frame for a part of its outer step's work. Job.mu is held.
func (f *frame) begin(p part, inputs expression.Value, env *variables) {
	f.part, f.inputs, f.env, f.status = p, inputs, env, success
}

// actionStatus is github.action_status: how the composite action is doing.
func (j *Job) actionStatus(f *frame) result {
	if j.stop.cancelled() {
		return cancelled
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return f.status
}

// stepsContext has the steps of a frame that have an id and have begun.
func (j *Job) stepsContext(f *frame) expression.Value {
	j.mu.Lock()
	defer j.mu.Unlock()
	var pairs []expression.Pair
	for _, s := range f.steps {
		if s.begun && s.def.ID != "" {
			pairs = append(pairs, expression.Pair{Key: s.def.ID, Value: s.value()})
		}
	}
	return expression.NewObject(pairs...)
}

// inputsContext has the inputs of the workflow, or those of the action.
func (j *Job) inputsContext(f *frame) expression.Value {
	if !f.embedded() {
		return j.contexts.fixed["inputs"]
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return f.inputs
}
