package engine

import (
	"context"

	"multirunner/workflow/action"
)

// ActionSource gets the repositories that actions are in.
type ActionSource interface {
	// Prepare makes all of the repositories ready to be used, several at once.
	// It gives one for each request, in their order. They stay as they are
	// until release is called, which must be called once when err is nil; with
	// an error nothing is held. progress takes a line for the job's log, for
	// what takes time; it is not called after Prepare has returned. The error
	// names the action and says what to do. One call at a time.
	Prepare(ctx context.Context, requests []ActionRequest, progress func(text string)) (prepared []PreparedAction, release func(), err error)
}

// ActionRequest asks for a repository at a ref.
type ActionRequest struct {
	Reference action.Reference // of kind Repository
	URL       string           // where the repository is fetched from
}

// PreparedAction is a repository that is there.
type PreparedAction struct {
	Dir    string // of the repository, absolute
	Commit string // that the ref led to, in full
}
