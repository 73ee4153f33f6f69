package model

import (
	"fmt"
	"strings"
)

// Error is a fault in a workflow, with its place. It wraps the fault of an
// expression where there is one.
type Error struct {
	File    string
	Line    int    // from 1; 0 when no line is to blame
	Job     string // "" outside of jobs
	Step    int    // from 1; 0 outside of steps
	Key     string // the key whose value is wrong, "" for none
	Message string
	Err     error // may be nil; its text is part of Message
}

// Error gives one line: place, job, step, key, then what is wrong.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Job != "" {
		fmt.Fprintf(&b, "job %q: ", e.Job)
	}
	if e.Step > 0 {
		fmt.Fprintf(&b, "step %d: ", e.Step)
	}
	if e.Key != "" {
		fmt.Fprintf(&b, "%s: ", e.Key)
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap gives the fault of the expression, nil if there is none.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all faults that were found in a workflow, in file order.
type Errors []*Error

// Error gives a line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.As find the first *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}
