package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
)

const jobsDescription = `Prints the jobs that the running runner has: those that run, those whose process
is being started, and those that wait for a slot. No server is asked.

Example:
   $ runner jobs
   $ runner jobs --json | jq -r '.[] | select(.state == "running") | .task'`

// JobsCommand is `runner jobs`.
func JobsCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "jobs",
		Usage:       "print the jobs of the running runner",
		Description: jobsDescription,
		Flags:       runningFlags(jsonFlag()),
		Action: func(c *cli.Context) error {
			return env.withRunner(c, func(ctx context.Context, client *control.Client) error { return env.jobs(ctx, client, c.Bool("json")) })
		},
	}
}

func (e *Env) jobs(ctx context.Context, client *control.Client, asJSON bool) error {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return e.printJSON(append([]control.Job{}, jobs...))
	}
	if len(jobs) == 0 {
		e.printf("no jobs\n")
		return nil
	}
	now := time.Now()
	table := newTable(e.Stdout, "TASK", "RUNNER", "SERVER", "REPOSITORY", "JOB", "STATE", "STEP", "SINCE", "ROWS")
	for _, j := range jobs {
		table.row(strconv.FormatInt(j.Task, 10), j.Runner, publicURL(j.URL), plain(j.Repository), plain(j.Job), j.State,
			stepOf(j), ago(j.Since, now), strconv.FormatInt(j.Rows, 10))
	}
	return table.flush()
}

// stepOf says where a job is.
func stepOf(j control.Job) string {
	switch {
	case j.Step > 0:
		return plain(fmt.Sprintf("%d %s", j.Step, j.StepName))
	case j.Stage == "prepare":
		return "set up"
	}
	return j.Stage
}

const cancelDescription = `Ends a job of the running runner as its server's cancellation would: the running
step is interrupted, steps with always() and post steps run, and the server
gets "cancelled". With --kill it ends at once, as failed.

The command does not wait for the end of the job; runner jobs shows it.

Example:
   $ runner jobs
   $ runner cancel 1234
   $ runner cancel --url https://git.example.org --kill 1234`

// CancelCommand is `runner cancel`.
func CancelCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:        "cancel",
		Usage:       "end a job of the running runner",
		ArgsUsage:   "TASK",
		Description: cancelDescription,
		Flags: runningFlags(
			&cli.StringFlag{Name: "url", Usage: "the job's server is `URL`, when several have a task of that number"},
			&cli.BoolFlag{Name: "kill", Usage: "end it at once: no further steps"},
			jsonFlag(),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 {
				return errors.New("cancel: give one task: runner jobs shows them")
			}
			task, err := strconv.ParseInt(c.Args().First(), 10, 64)
			if err != nil || task <= 0 {
				return fmt.Errorf("cancel: %q is not the number of a task: runner jobs shows them", c.Args().First())
			}
			wanted := control.Cancel{Task: task, URL: c.String("url"), Kill: c.Bool("kill")}
			return env.withRunner(c, func(ctx context.Context, client *control.Client) error {
				return env.cancel(ctx, client, wanted, c.Bool("json"))
			})
		},
	}
}

func (e *Env) cancel(ctx context.Context, client *control.Client, wanted control.Cancel, asJSON bool) error {
	job, err := client.Cancel(ctx, wanted)
	if err != nil {
		return err
	}
	if asJSON {
		return e.printJSON(job)
	}
	how := "is cancelled"
	if wanted.Kill {
		how = "is killed"
	}
	e.printf("task %d of %s (%s) %s\n", job.Task, job.Runner, publicURL(job.URL), how)
	return nil
}
