package commands

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"multirunner/commands/job"
	"multirunner/commands/assembly"
)

// JobCommand is `runner job`, which a supervisor starts for each job. It is no
// verb for people.
func JobCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:   assembly.JobVerb,
		Usage:  "run one job, handed over on standard input",
		Hidden: true,
		Action: func(c *cli.Context) error {
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGTERM)
			defer signal.Stop(signals)
			return job.Run(c.Context, job.Options{
				Stdin: env.Stdin, Output: env.Stderr, Providers: env.Providers, Signals: signals,
			})
		},
	}
}
