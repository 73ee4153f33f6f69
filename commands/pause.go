package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
)

const pauseDescription = `Keeps the running runner from asking for jobs of a registration, of all that it
serves now without --name. Running jobs go on; what a poll that is under way
brings is run. A pause lasts until runner resume, also over reloads and
restarts.

Example:
   $ runner pause --name builder-a`

const resumeDescription = `Ends runner pause.

Example:
   $ runner resume`

// PauseCommand is `runner pause`.
func PauseCommand(env *Env) *cli.Command {
	return pauseCommand(env, "pause", "ask for no more jobs of a registration, or of all", pauseDescription, (*control.Client).Pause)
}

// ResumeCommand is `runner resume`.
func ResumeCommand(env *Env) *cli.Command {
	return pauseCommand(env, "resume", "ask for jobs again after a pause", resumeDescription, (*control.Client).Resume)
}

func pauseCommand(env *Env, name, usage, description string, change func(*control.Client, context.Context, string) (control.Changed, error)) *cli.Command {
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		Description: description,
		Flags: runningFlags(
			&cli.StringFlag{Name: "name", Usage: "the registration's `NAME` (default: all)"},
			jsonFlag(),
		),
		Action: func(c *cli.Context) error {
			if c.IsSet("name") && c.String("name") == "" {
				return fmt.Errorf("%s: --name is empty: leave it out for all registrations", name)
			}
			return env.withRunner(c, func(ctx context.Context, client *control.Client) error {
				changed, err := change(client, ctx, c.String("name"))
				if err != nil {
					return err
				}
				return env.printChanged(name+"d", changed, c.Bool("json"))
			})
		},
	}
}

func (e *Env) printChanged(done string, changed control.Changed, asJSON bool) error {
	if asJSON {
		return e.printJSON(changed)
	}
	if len(changed.Changed) > 0 {
		e.printf("%s %s\n", done, strings.Join(changed.Changed, ", "))
	}
	switch {
	case len(changed.Already) > 0 && done == "paused":
		e.printf("paused before: %s\n", strings.Join(changed.Already, ", "))
	case len(changed.Already) > 0:
		e.printf("not paused: %s\n", strings.Join(changed.Already, ", "))
	case len(changed.Changed) == 0:
		e.printf("the runner serves no registrations\n")
	}
	return nil
}
