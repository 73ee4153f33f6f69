package supervisor

import (
	"context"
	"errors"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network"
)

// Client speaks to a server for one registration; *network.Client is one. Its
// methods may be called concurrently.
type Client interface {
	// Declare replaces version and labels on the server.
	Declare(ctx context.Context, version string, labels []string) (network.Declared, error)
	// FetchTask polls once. It is given a context that nobody cancels, and
	// ends by itself when the request's patience does.
	FetchTask(ctx context.Context, req network.FetchRequest) (network.FetchAnswer, error)
}

// Dialer makes clients. It sends nothing: an error is about the URL, the
// token or the CA file of the registration.
type Dialer interface {
	Dial(runner *common.RunnerConfig) (Client, error)
}

// KeyStore keeps the request key of each registration, also over a crash.
// Its methods may be called concurrently.
type KeyStore interface {
	// Key gives the key that the next FetchTask carries: the same one until
	// Done. It is cheap when nothing has changed. A *common.NoRoomError says that
	// there is no room for what the poll may bring.
	Key(id common.RegistrationID) (string, error)
	// Done tells that everything that the key brought is claimed, so that the
	// next request may have a new one.
	Done(id common.RegistrationID) error
}

// ErrSeen is the refusal of a claim: the task is claimed already, or it has
// ended here before.
var ErrSeen = errors.New("task was claimed before")

// Claim is a claimed task, in the words of the ClaimStore.
type Claim any

// ClaimStore remembers which tasks are ours. Its methods may be called
// concurrently.
type ClaimStore interface {
	// Claim makes a task ours. When it returns, the claim survives a crash,
	// and until the task is started or failed somebody tells the server that
	// it lives: it may have to wait for a slot. The error is ErrSeen for a
	// task that is not new; after any other one the task is not ours.
	Claim(runner *common.RunnerConfig, task *runnerv1.Task) (Claim, error)
	// Seen tells whether the task is claimed, or has ended here before.
	Seen(url string, taskID int64) bool
}

// StartRequest is a claimed task with all that is needed to start it.
type StartRequest struct {
	Runner *common.RunnerConfig // as it was when the task was asked for
	Claim  Claim                // nil in FailClaim when the claim could not be kept
	Task   *runnerv1.Task
	Choice Choice
	// Capabilities are the server's, from the last Declare.
	Capabilities []string
}

// Starter starts builds. Its methods may be called concurrently; their
// context carries values only.
type Starter interface {
	// Start starts the job process. After an error nothing runs, and the
	// caller calls FailClaim.
	Start(ctx context.Context, req StartRequest) (Build, error)
	// FailClaim reports a task that was not started as failed, with row as
	// the log of it. It does not wait for the server.
	FailClaim(ctx context.Context, req StartRequest, row string) error
}

// Build is a job process.
type Build interface {
	// Done is closed when the job process has ended: the slot is free. What it
	// wrote may still be on its way to the server.
	Done() <-chan struct{}
	// Stop tells the job to end, and returns at once. It may be repeated; the
	// stronger reason wins.
	Stop(reason common.StopReason)
	// Result is the job's result; it may be asked for after Done.
	Result() runnerv1.Result
}

// Adopted is a job of an earlier supervisor that still runs. It occupies a
// slot.
type Adopted struct {
	Runner *common.RunnerConfig
	TaskID int64
	Build  Build
}
