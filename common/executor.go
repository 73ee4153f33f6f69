package common

import (
	"context"
	"errors"
	"io"
)

// ErrKill is the cause of a context that is cancelled to kill at once:
// running commands get SIGKILL without the escalation.
var ErrKill = errors.New("killed")

// NoRoomError is Acquire's refusal: the executor works, but there is no room
// for another build now. It is not an error of the registration.
type NoRoomError struct{ Reason string }

func (e *NoRoomError) Error() string { return "no room: " + e.Reason }

// ExecutorProvider makes executors of one kind. One lives as long as the
// process. All methods are safe for concurrent use.
type ExecutorProvider interface {
	// Name is the word that config files use: "shell", "docker".
	Name() string
	// Schemes are the label schemes that this executor serves ("host" for
	// shell, "docker" for docker).
	Schemes() []string
	// Available tells why executors of this kind cannot work on this machine
	// at all (no engine installed, wrong system), or nil.
	Available(ctx context.Context) error
	// Acquire reserves room for one build of the registration, before it is
	// polled. A *NoRoomError means that it may be asked again soon; any other
	// error is a fault of the configuration or the machine. It returns quickly.
	Acquire(ctx context.Context, runner *RunnerConfig) (Reservation, error)
	// Inherits names the variables of the runner's own environment that jobs of
	// the registration may get. Their job processes get no others.
	Inherits(runner *RunnerConfig) []string
	// Create makes the executor of one job, in the job's own process. It
	// touches nothing outside the process: that is Prepare's work.
	Create(spec *JobSpec) (Executor, error)
}

// Reservation is room for one build.
type Reservation interface {
	// Release gives the room back. Every call after the first does nothing.
	Release()
}

// Paths are directories as the job's processes see them.
type Paths struct {
	Workspace string // GITHUB_WORKSPACE
	Temp      string // RUNNER_TEMP
	Home      string // HOME
	ToolCache string // RUNNER_TOOL_CACHE
	// Node is a directory with the operator's node for actions, used when PATH
	// has none; "" without one.
	Node string
}

// Command is one process that an executor runs.
type Command struct {
	Path string   // a path, or a bare name looked up in Env's PATH
	Args []string // without the name itself
	Dir  string   // as the job sees it; relative ones start at the workspace
	Env  []string // K=V, the whole environment
	// Stdout and Stderr take the output while Run runs. Each is written to by
	// one goroutine at a time. A write error is ignored.
	Stdout, Stderr io.Writer
	// Kill, once closed, turns a gentle end into SIGKILL: what ends a command
	// because ctx is done does not wait any longer. Nil never does.
	Kill <-chan struct{}
	// Late takes what background children that hold the pipes write after Run
	// has returned, until StopBackground has. Nil drops it.
	Late io.Writer
}

// ExitStatus is how a command ended.
type ExitStatus struct {
	Code   int    // -1 when a signal ended it
	Signal string // "killed", "terminated", …; empty when it exited by itself
}

// Success tells whether the command exited with 0.
func (s ExitStatus) Success() bool { return s.Code == 0 && s.Signal == "" }

// Executor is the place where one job runs. Run, the file methods and
// LookPath need a Prepare that succeeded; Run may be called by one goroutine
// at a time, everything else concurrently.
type Executor interface {
	// Prepare makes the place: directories, workspace, containers. Progress
	// for the user goes to log, a line a write. When it fails, Cleanup is
	// still to be called.
	Prepare(ctx context.Context, log io.Writer) error
	// Paths may be called after Create; they do not change.
	Paths() Paths
	// BaseEnv is the environment that the place gives to every command (K=V):
	// the allow-list of the runner's own, pass_environment and environment of
	// the configuration, PATH, HOME. Never more of the runner's own.
	BaseEnv() []string
	// LookPath finds a program where the commands run, along the given PATH.
	// The error satisfies errors.Is(err, exec.ErrNotFound) when it is missing.
	LookPath(ctx context.Context, name, path string) (string, error)
	// Run runs a command to its end: its main process has exited and its
	// buffered output is read. Background children live on. The error is nil
	// when the command could be started, whatever its exit status. When ctx
	// is done the command's process group is ended: interrupt, terminate, kill
	// with the configured gaps; at once when context.Cause is ErrKill; and
	// Run returns after its end with its status and a nil error.
	Run(ctx context.Context, cmd *Command) (ExitStatus, error)
	// WriteTemp writes a file below the temp directory, readable by the job's
	// user only, and gives its path as the job sees it. name is relative,
	// slash-separated; missing directories are made.
	WriteTemp(ctx context.Context, name string, data []byte) (string, error)
	// ReadTemp reads a file below the temp directory. The job may have put
	// anything there: links are not followed, only a regular file of at most
	// limit bytes is read.
	ReadTemp(ctx context.Context, name string, limit int64) ([]byte, error)
	// StopBackground ends every process that the job left running and returns
	// when they are gone and Late is written. Idempotent.
	StopBackground(ctx context.Context) error
	// Cleanup removes everything that the executor made, processes included.
	// It is idempotent, safe after a failed or missing Prepare, and goes on
	// after an error to remove what it can.
	Cleanup(ctx context.Context) error
}

// Providers is the set of executors of a build, by name.
type Providers map[string]ExecutorProvider

// ForScheme gives the provider that serves a label scheme.
func (p Providers) ForScheme(scheme string) (ExecutorProvider, bool) {
	for _, provider := range p {
		for _, s := range provider.Schemes() {
			if s == scheme {
				return provider, true
			}
		}
	}
	return nil, false
}
