package common

import (
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

// Trace takes what one job reports. Everything handed to it is masked already
// and will reach the server as it is. The order of calls is the order in
// which the server learns of things, rows before the end.
//
// All methods are safe for concurrent use. An error means that the record
// could not be kept (disk full, for one): the job goes on.
type Trace interface {
	// Row appends a log row: one line, valid UTF-8, at most 64 KiB. It is
	// stamped with at, the time when its first byte was read.
	Row(at time.Time, content string) error
	// Rows is the number of rows appended so far: the index of the next one.
	Rows() int64
	// State appends the task's state after a transition: every step that has
	// started, result unset. The message is kept as it is at the call.
	State(state *runnerv1.TaskState) error
	// Output appends a job output.
	Output(name, value string) error
	// Summary appends the summary (markdown) of a step, 0-based.
	Summary(step int, markdown []byte) error
	// End appends the final state, with result and stopped_at, and makes
	// everything durable. Nothing is taken after it. reason is one line for
	// operators, never sent.
	End(state *runnerv1.TaskState, reason string) error
}
