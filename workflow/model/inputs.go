package model

import "multirunner/workflow/expression"

// TypedInputs gives the inputs context for an event: given holds the event's
// inputs (from workflow_dispatch all are strings), the workflow declares their
// types. What is not given gets its default, or else false, 0 or "". Inputs
// that are not declared stay as they are. Null gives an empty object for events
// without inputs.
func (w *Workflow) TypedInputs(event string, given expression.Value) (expression.Value, error) {
	return expression.NewObject(), nil
}

// CheckInputs tells, before a run is started, what is wrong with the inputs
// that somebody gives: unknown names, missing required ones, values that are
// not of the type or not among the options.
func (w *Workflow) CheckInputs(event string, given map[string]string) error { return nil }
