package commands

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
	"multirunner/commands/state"
	"multirunner/common"
)

// stateDirFlag is --working-directory of the verbs that need a state directory.
func stateDirFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "working-directory", Aliases: []string{"d"}, Usage: usage, TakesFile: true}
}

// runningFlags name the running runner that a verb talks to.
func runningFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		configFlag(), stateDirFlag("talk to the runner that has its state in `DIR` (default: state_dir of the configuration)"),
	}, more...)
}

// stateDir is where the state of `run` is: --working-directory, or state_dir,
// or the default.
func (e *Env) stateDir(c *cli.Context, config *common.Config) (string, error) {
	if dir := c.String("working-directory"); dir != "" {
		return dir, nil
	}
	if config.StateDir != "" {
		return config.StateDir, nil
	}
	return state.DefaultRoot(e.Getenv, e.AsRoot)
}

// runningStateDir is stateDir for a verb that needs no configuration besides.
func (e *Env) runningStateDir(c *cli.Context) (string, error) {
	config := new(common.Config)
	if c.String("working-directory") == "" {
		file, err := e.load(c.String("config"))
		if err != nil {
			return "", fmt.Errorf("which runner is meant? %w (or name its state directory with --working-directory)", err)
		}
		config = file.Config
	}
	return e.stateDir(c, config)
}

// dialRunner talks to the running runner that the flags name.
func (e *Env) dialRunner(c *cli.Context) (*control.Client, error) {
	dir, err := e.runningStateDir(c)
	if err != nil {
		return nil, err
	}
	return control.Dial(c.Context, dir)
}

// withRunner talks to the running runner for as long as do takes.
func (e *Env) withRunner(c *cli.Context, do func(context.Context, *control.Client) error) error {
	client, err := e.dialRunner(c)
	if err != nil {
		return err
	}
	defer client.Close()
	return do(c.Context, client)
}

// textMax is how many characters of a text that others have written a table
// shows.
const textMax = 60

// plain makes a text that others have written fit for a terminal.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if runes := []rune(text); len(runes) > textMax {
		return string(runes[:textMax-1]) + "…"
	}
	return text
}

// ago is a time for people: how long since then.
func ago(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	return shortly(now.Sub(*t))
}

// shortly is a duration for people, in its two largest units.
func shortly(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case hours >= 24:
		return fmt.Sprintf("%dd%dh", hours/24, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}
