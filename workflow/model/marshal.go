package model

import "multirunner/workflow/expression"

// MarshalOptions say what MarshalJob puts into a payload.
type MarshalOptions struct {
	// KeepAll keeps every key of the workflow and the job. Without it the
	// payload is what a Gitea server sends: keys it does not know are dropped,
	// and many values become strings.
	KeepAll bool
	// Name is the job's evaluated name; "" keeps what is written, or else the id.
	Name string
	// RunName is the evaluated run-name; "" keeps what is written.
	RunName string
	// RunsOn are the evaluated labels; nil keeps what is written.
	RunsOn []string
	// ContinueOnError is the evaluated value of the job's; nil keeps what is written.
	ContinueOnError *bool
	// Matrix is the combination that this task is for: an object, or Null.
	Matrix expression.Value
}

// MarshalJob gives the payload of a task: the workflow with this job only.
func (w *Workflow) MarshalJob(job *Job, opts MarshalOptions) ([]byte, error) { return nil, nil }
