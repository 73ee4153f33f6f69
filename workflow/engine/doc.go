// Package engine runs one job of a workflow: it sets the job up, runs its steps
// in an executor, and reports rows, states and the result to a Trace.
//
// It is a function of the JobSpec: no globals, no reach into whoever started it.
package engine
