package dummy

import (
	"context"
	"io"
	"strings"
	"time"

	"multirunner/common"
)

// Script says what a provider and its executors do. The zero Script lets
// everything succeed and interprets what is run. Its functions must be safe
// for concurrent use.
type Script struct {
	Name    string   // empty: "dummy"
	Schemes []string // nil: "host"

	// Each of these replaces the success of a call. What they get is what the
	// call got.
	Available      func(ctx context.Context) error
	Acquire        func(ctx context.Context, runner *common.RunnerConfig) error
	Create         func(spec *common.JobSpec) error
	Prepare        func(ctx context.Context, log io.Writer) error
	StopBackground func(ctx context.Context) error
	Cleanup        func(ctx context.Context) error

	// Engine gives the executors a container engine; nil: they have none.
	Engine *Engine
	// Env is added to BaseEnv.
	Env []string
	// Missing are programs that LookPath does not find; it finds all others.
	Missing []string
	// Commands are tried in order; a command that none matches is interpreted.
	Commands []Reaction
}

// Reaction is what happens when a command is run.
type Reaction struct {
	// Match tells whether the reaction is for a command; nil is for every one.
	Match func(c *Call) bool
	// Times is how often the reaction is used; 0 is without limit.
	Times int
	// Run plays the command. It returns when ctx is done. An error stands for a
	// command that could not be started.
	Run func(ctx context.Context, c *Call) (common.ExitStatus, error)
}

// Contains matches commands whose script contains a text.
func Contains(text string) func(*Call) bool {
	return func(c *Call) bool { return strings.Contains(c.Text, text) }
}

// Exits plays a command that prints lines and exits.
func Exits(code int, lines ...string) func(context.Context, *Call) (common.ExitStatus, error) {
	return func(_ context.Context, c *Call) (common.ExitStatus, error) {
		for _, line := range lines {
			c.Print(line)
		}
		return common.ExitStatus{Code: code}, nil
	}
}

// Fails plays a command that cannot be started.
func Fails(err error) func(context.Context, *Call) (common.ExitStatus, error) {
	return func(context.Context, *Call) (common.ExitStatus, error) { return common.ExitStatus{}, err }
}

// Hangs plays a command that runs until its context is done, and is then ended
// by the interrupt, or by the kill.
func Hangs(ctx context.Context, _ *Call) (common.ExitStatus, error) {
	<-ctx.Done()
	return common.ExitStatus{Code: -1, Signal: endedBy(ctx)}, nil
}

// Call is one command that is run.
type Call struct {
	Command *common.Command
	// Text is the script: the content of the last argument that names a file
	// below the temp directory, the argument after -c, or the command itself.
	Text string
	// Executor is the one that runs it.
	Executor *Executor

	stdout, stderr *sink
	run            *run
}

// Print writes a line to the standard output.
func (c *Call) Print(line string) { _, _ = io.WriteString(c.stdout, line+"\n") }

// PrintErr writes a line to the standard error.
func (c *Call) PrintErr(line string) { _, _ = io.WriteString(c.stderr, line+"\n") }

// Sleep waits and tells whether the time has passed before ctx was done.
func (c *Call) Sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Env gives a variable of the command's environment.
func (c *Call) Env(name string) string { return lookup(c.Command.Env, name) }

// Append adds text to a file below the temp directory, by its path: that in
// GITHUB_OUTPUT, for one.
func (c *Call) Append(path, text string) error { return c.Executor.files.append(path, text) }

// Background plays a child that lives on after the command, until
// StopBackground at most. Its print goes to the standard output of the command,
// and to Late after that.
func (c *Call) Background(child func(ctx context.Context, print func(line string))) {
	c.run.background(func(ctx context.Context) { child(ctx, c.Print) })
}

// lookup gives a variable of an environment; the last one counts.
func lookup(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			value = v
		}
	}
	return value
}
