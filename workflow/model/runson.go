package model

import "multirunner/workflow/expression"

// Target is where a job wants to run: every label must match.
type Target struct {
	Group  string
	Labels []string
}

// EvalRunsOn evaluates the runs-on of a job: a label, a list of labels, or a
// mapping of group and labels. A job without gives an empty Target.
func (j *Job) EvalRunsOn(scope expression.Scope) (Target, error) { return Target{}, nil }
