package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
	"multirunner/commands/supervisor"
	"multirunner/helpers/process"
)

const drainDescription = `Makes the running runner end as SIGQUIT does: it asks for no more jobs, runs what
it has to the end, however long that takes, sends what is left, and ends with
exit code 0. The command tells what is waited for, and returns when the runner
has ended; Ctrl-C ends the command only. A service manager may start the
runner again.

Example:
   $ runner drain
   $ runner drain --no-wait`

const (
	drainLook = 500 * time.Millisecond
	// What a runner may take to be gone after it has closed its socket.
	gonePatience = 30 * time.Second
	goneLook     = 50 * time.Millisecond
)

// DrainCommand is `runner drain`.
func DrainCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "drain",
		Usage:       "let the running runner finish its jobs and end",
		Description: drainDescription,
		Flags: runningFlags(
			&cli.BoolFlag{Name: "no-wait", Usage: "do not wait for the end of the runner"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object per line, for scripts"},
		),
		Action: func(c *cli.Context) error {
			return env.withRunner(c, func(ctx context.Context, client *control.Client) error {
				return env.drain(ctx, client, c.Bool("no-wait"), c.Bool("json"))
			})
		},
	}
}

// drained is what a drain waits for.
type drained struct {
	Phase   string `json:"phase"`
	Running int    `json:"running"`
	Waiting int    `json:"waiting"`
	Polling int    `json:"polling"`
	Unsent  int    `json:"unsent"`
	Ended   bool   `json:"ended"`
}

// newDrained tells how far the runner is. One that is not stopping yet is
// about to.
func newDrained(s control.Status) drained {
	d := drained{Phase: s.Phase, Running: s.Running, Waiting: s.Waiting, Polling: s.Polling, Unsent: s.Unsent}
	if !s.Stopping {
		d.Phase = supervisor.Draining.String()
	}
	return d
}

func (d drained) String() string {
	if d.Ended {
		return "the runner has ended"
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{d.Running, count(d.Running, "job") + " running"}, {d.Waiting, count(d.Waiting, "job") + " waiting"},
		{d.Polling, count(d.Polling, "poll") + " under way"}, {d.Unsent, count(d.Unsent, "ended job") + " to report"}} {
		if part.n > 0 {
			parts = append(parts, part.what)
		}
	}
	if len(parts) == 0 {
		return d.Phase
	}
	return d.Phase + ": " + strings.Join(parts, ", ")
}

func (e *Env) drain(ctx context.Context, client *control.Client, noWait, asJSON bool) error {
	tell := func(d drained) error {
		if asJSON {
			return e.printJSONLine(d)
		}
		e.printf("%s\n", d)
		return nil
	}
	runner, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if err := client.Drain(ctx); err != nil {
		return err
	}
	last := newDrained(runner)
	if err := tell(last); err != nil || noWait {
		return err
	}
	for {
		status, err := client.Status(ctx)
		if errors.Is(err, control.ErrGone) {
			break
		}
		if err != nil {
			return err
		}
		if now := newDrained(status); now != last {
			if err := tell(now); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(drainLook):
		}
	}
	if err := awaitGone(ctx, runner); err != nil {
		return err
	}
	if err := tell(drained{Phase: last.Phase, Ended: true}); err != nil {
		return err
	}
	if last.Phase == supervisor.Cancelling.String() || last.Phase == supervisor.Killing.String() {
		return errors.New("a signal has ended the jobs before they were done")
	}
	return nil
}

// awaitGone waits until the runner's process has ended.
func awaitGone(ctx context.Context, runner control.Status) error {
	ctx, cancel := context.WithTimeoutCause(ctx, gonePatience,
		fmt.Errorf("the runner (process %d) has let go of its jobs and does not end: see its log", runner.PID))
	defer cancel()
	for process.Alive(runner.PID, runner.Start) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(goneLook):
		}
	}
	return nil
}
