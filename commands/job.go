package commands

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"multirunner/commands/assembly"
	"multirunner/commands/job"
	"multirunner/common"
	"multirunner/helpers/process"
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
				Stdin: env.Stdin, Output: env.Stderr, Signals: signals,
				Executors: func(family *process.Family, log logrus.FieldLogger) common.Providers {
					return env.Executors(ExecutorOptions{Log: log, Family: family})
				},
			})
		},
	}
}
