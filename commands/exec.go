package commands

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"multirunner/commands/exec"
	"multirunner/common"
)

// ExecCommand is `runner exec`.
func ExecCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run a workflow file on this machine, without a server",
		ArgsUsage: "[WORKFLOW.yml ...]",
		Description: `Plans the workflow as a server does and runs its jobs as real ones. Without WORKFLOW it takes all in .gitea/workflows
or .github/workflows that listen to the event. The workspace of each job is a copy of what git tracks or does not ignore.

The first Ctrl-C cancels the jobs, the second kills them. The exit code is 1 when a job failed.

Example:
   $ runner exec --secret TOKEN --var REGION=eu -j test .gitea/workflows/ci.yml`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "directory", Aliases: []string{"C"}, Value: ".", Usage: "the project is in `DIR`", TakesFile: true},
			&cli.StringFlag{Name: "event", Usage: "the `EVENT` that starts the workflows (default: push; workflow_dispatch when there is an --input)"},
			&cli.StringFlag{Name: "event-file", Usage: "the event's payload is the JSON object in `FILE`", TakesFile: true},
			&cli.StringFlag{Name: "job", Aliases: []string{"j"}, Usage: "run only `JOB` and what it needs"},
			&cli.StringSliceFlag{Name: "secret", Usage: "a secret as `NAME=VALUE`; NAME alone takes the value from the environment"},
			&cli.StringSliceFlag{Name: "var", Usage: "a variable (vars context) as `NAME=VALUE`"},
			&cli.StringSliceFlag{Name: "env", Usage: "an environment variable of all jobs as `NAME=VALUE`"},
			&cli.StringSliceFlag{Name: "input", Usage: "an input of workflow_dispatch as `NAME=VALUE`"},
			&cli.StringSliceFlag{Name: "label", Usage: "serve jobs with this runs-on, as `NAME:host`; without one every job runs here"},
			&cli.IntFlag{Name: "concurrent", Value: min(4, runtime.NumCPU()), Usage: "run at most `N` jobs at once"},
			&cli.IntFlag{Name: "registrations", Value: 1, Usage: "share the jobs among `N` registrations, as a runner with several does"},
			&cli.BoolFlag{Name: "in-place", Usage: "run in the project itself, one job at a time; nothing is removed"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return execAction(env, c) },
	}
}

func execAction(env *Env, c *cli.Context) error {
	o, err := execOptions(env, c)
	if err != nil {
		return err
	}
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, interruptSignals()...)
	defer signal.Stop(interrupts)
	// So that a closed output is an error of a write, and not the end of this
	// process and of nothing that it has started.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	defer signal.Stop(pipe)
	o.Interrupts = interrupts
	err = exec.Run(c.Context, o)
	if errors.Is(err, exec.ErrFailed) {
		return errSilent
	}
	return err
}

func execOptions(env *Env, c *cli.Context) (exec.Options, error) {
	config := common.DefaultConfig()
	config.LogLevel = logrus.WarnLevel.String() // the jobs' output is what a person came for
	log, err := env.Log(c, config)
	if err != nil {
		return exec.Options{}, err
	}
	o := exec.Options{
		Dir: c.String("directory"), Workflows: c.Args().Slice(), Event: c.String("event"), EventFile: c.String("event-file"),
		Job: c.String("job"), Labels: c.StringSlice("label"), Concurrent: c.Int("concurrent"),
		Registrations: c.Int("registrations"), InPlace: c.Bool("in-place"), JSON: c.Bool("json"),
		Stdout: env.Stdout, Stderr: env.Stderr, Colour: env.coloursOn(env.Stdout), Version: env.Version.Version,
		Getenv: env.Getenv, Providers: env.Providers, Log: log,
	}
	for flag, into := range map[string]*map[string]string{"secret": &o.Secrets, "var": &o.Vars, "env": &o.Env, "input": &o.Inputs} {
		if *into, err = exec.Pairs(flag, c.StringSlice(flag), env.Getenv); err != nil {
			return exec.Options{}, err
		}
	}
	if o.Event == "" {
		o.Event = "push"
		if len(o.Inputs) > 0 {
			o.Event = "workflow_dispatch"
		}
	}
	if o.Concurrent < 1 || o.Registrations < 1 {
		return exec.Options{}, errors.New("--concurrent and --registrations must be at least 1")
	}
	for _, text := range o.Labels {
		label, err := common.ParseLabel(text)
		if err != nil {
			return exec.Options{}, fmt.Errorf("--label: %w", err)
		}
		if _, ok := env.Providers.ForScheme(label.Scheme); !ok && label.Scheme != "" {
			return exec.Options{}, fmt.Errorf("--label %s: this runner has no executor for %q, write %s:host", text, label.Scheme, label.Name)
		}
	}
	return o, nil
}

// coloursOn tells whether a person sees what is written there, and wants
// colours.
func (e *Env) coloursOn(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}
