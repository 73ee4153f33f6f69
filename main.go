// Command runner serves many Gitea Actions registrations from one process.
package main

import (
	"os"

	"github.com/sirupsen/logrus"

	"multirunner/commands"
	"multirunner/common"
	"multirunner/executors/shell"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	log := logrus.New()
	host := shell.NewProvider(log)
	env := commands.SystemEnv(commands.NewVersionInfo(version), common.Providers{host.Name(): host})
	app := commands.NewApp(env,
		commands.RunCommand(env),
		commands.ExecCommand(env),
		commands.JobCommand(env),
		commands.EvalCommand(),
	)
	os.Exit(commands.ExitCode(env, app.Run(os.Args)))
}
