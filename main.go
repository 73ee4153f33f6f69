// Command runner serves many Gitea Actions registrations from one process.
package main

import (
	"os"

	"multirunner/commands"
	"multirunner/commands/service"
	"multirunner/common"
	"multirunner/executors/docker"
	"multirunner/executors/docker/shim"
	"multirunner/executors/shell"
)

// version is set when the program is linked.
var version = "dev"

func main() {
	// A container of a job waits for this one: nothing else is set up for it.
	if len(os.Args) > 1 && os.Args[1] == shim.Verb {
		os.Exit(commands.Shim(os.Args[2:], os.Stderr))
	}
	env := commands.SystemEnv(commands.NewVersionInfo(version), executors)
	app := commands.NewApp(env,
		commands.RunCommand(env),
		commands.RegisterCommand(env),
		commands.UnregisterCommand(env),
		commands.ListCommand(env),
		commands.JobsCommand(env),
		commands.CancelCommand(env),
		commands.PauseCommand(env),
		commands.ResumeCommand(env),
		commands.DrainCommand(env),
		commands.VerifyCommand(env),
		commands.ConfigCommand(env),
		commands.ServiceCommand(env, service.System()),
		commands.ExecCommand(env),
		commands.EvalCommand(),
		commands.CompletionCommand(env),
		commands.VersionCommand(env),
		commands.JobCommand(env),
		commands.UpgradeCheckCommand(env),
	)
	os.Exit(commands.ExitCode(env, app.Run(os.Args)))
}

// executors are those of this build: on the host, where jobs may have containers
// beside them, and in containers.
func executors(o commands.ExecutorOptions) common.Providers {
	host := shell.NewProvider(o.Log, shell.Options{Builds: o.Builds, Family: o.Family})
	containers := docker.NewProvider(o.Log, docker.Options{Host: host})
	return common.Providers{host.Name(): containers.Beside(), containers.Name(): containers}
}
