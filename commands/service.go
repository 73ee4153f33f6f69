package commands

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/service"
)

const serviceInstallDescription = `Makes runner run a service of the system that starts with the machine. The
configuration is checked, and the state directory made, beforehand. The
service is not started yet: runner service start does that.

Jobs on the host run as the service's user unless [runners.shell] names
another. That should not be root: name a user with --user, or say --user root
if it is meant.

Example:
   $ sudo runner service install -c /etc/runner/config.toml --user builder
   $ runner service install -c /etc/runner/config.toml --user builder --print`

// ServiceCommand is `runner service` on a machine.
func ServiceCommand(env *Env, host service.Host) *cli.Command {
	v := &serviceVerb{env: env, host: host}
	return &cli.Command{
		Name:  "service",
		Usage: "run as a service of the system: systemd, launchd, Windows",
		Description: `Example:
   $ sudo runner service install -c /etc/runner/config.toml --user builder
   $ sudo runner service start`,
		Subcommands: []*cli.Command{
			{
				Name: "install", Usage: "make runner run a service that starts with the machine",
				Description: serviceInstallDescription,
				Flags: []cli.Flag{
					serviceNameFlag(), configFlag(),
					&cli.StringFlag{Name: "user", Usage: "run as `USER` (default: root, LocalSystem on Windows)"},
					&cli.StringFlag{Name: "working-directory", Aliases: []string{"d"}, Usage: "keep the state in `DIR` (default: state_dir of the configuration, or /var/lib/NAME)", TakesFile: true},
					&cli.BoolFlag{Name: "force", Usage: "replace a service of that name that was installed with other settings"},
					&cli.BoolFlag{Name: "print", Usage: "only print what would be written: the unit"},
				},
				Action: v.install,
			},
			v.simple("uninstall", "stop the service and remove it; configuration and state stay", v.uninstall),
			v.simple("start", "start the service, and wait until it is ready", v.start),
			v.simple("stop", "stop the service: running jobs end first, up to shutdown_timeout", v.stop),
			v.simple("restart", "stop the service as stop does, and start it", v.restart),
			v.upgradeCommand(),
			v.simple("status", "tell whether the service runs: exits with 0, 3 (it does not) or 4 (there is none)", v.status, jsonFlag()),
		},
	}
}

func serviceNameFlag() cli.Flag {
	return &cli.StringFlag{Name: "name", Value: service.DefaultName, Usage: "the `NAME` of the service: there may be several"}
}

// serviceVerb is what the verbs of `runner service` share.
type serviceVerb struct {
	env  *Env
	host service.Host
}

// simple makes a verb that takes the name of a service.
func (v *serviceVerb) simple(name, usage string, action func(c *cli.Context, service string) error, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage,
		Description: "Example:\n   $ runner service " + name,
		Flags:       append([]cli.Flag{serviceNameFlag()}, flags...),
		Action: func(c *cli.Context) error {
			if err := service.CheckName(c.String("name")); err != nil {
				return err
			}
			return action(c, c.String("name"))
		},
	}
}

func (v *serviceVerb) uninstall(c *cli.Context, name string) error {
	if !v.host.Privileged {
		return needsPrivileges("uninstall")
	}
	v.announceDrain()
	if err := v.host.Manager.Uninstall(c.Context, name); err != nil {
		return err
	}
	v.env.printf("Removed the service %s. Its configuration and state are still there.\n", name)
	return nil
}

func (v *serviceVerb) start(c *cli.Context, name string) error {
	if err := v.host.Manager.Start(c.Context, name); err != nil {
		return v.explain(err)
	}
	v.env.printf("Started %s.\n", name)
	return nil
}

func (v *serviceVerb) stop(c *cli.Context, name string) error {
	v.announceDrain()
	if err := v.host.Manager.Stop(c.Context, name); err != nil {
		return v.explain(err)
	}
	v.env.printf("Stopped %s.\n", name)
	return nil
}

func (v *serviceVerb) restart(c *cli.Context, name string) error {
	v.announceDrain()
	if err := v.host.Manager.Restart(c.Context, name); err != nil {
		return v.explain(err)
	}
	v.env.printf("Restarted %s.\n", name)
	return nil
}

// announceDrain tells a person why nothing seems to happen.
func (v *serviceVerb) announceDrain() {
	if v.env.IsTerminal() {
		fmt.Fprintln(v.env.Stderr, "Running jobs end first, up to shutdown_timeout. Ctrl-C ends the waiting only, not the stop.")
	}
}

// explain adds what an unprivileged person may try.
func (v *serviceVerb) explain(err error) error {
	var missing *service.NotInstalledError
	if v.host.Privileged || errors.As(err, &missing) {
		return err
	}
	return fmt.Errorf("%w (it may take root: try sudo)", err)
}

func needsPrivileges(verb string) error {
	return fmt.Errorf("runner service %s changes the system's services: run it as root (sudo runner service %s …), or as an administrator on Windows", verb, verb)
}

func (v *serviceVerb) status(c *cli.Context, name string) error {
	status, err := v.host.Manager.Status(c.Context, name)
	if err != nil {
		return cli.Exit(fmt.Sprintf("runner: %v", err), 4) // LSB: the status is unknown
	}
	if c.Bool("json") {
		if err := v.env.printJSON(status); err != nil {
			return err
		}
	} else {
		v.printStatus(status)
	}
	if code := status.ExitCode(); code != 0 {
		return cli.Exit("", code)
	}
	return nil
}

func (v *serviceVerb) printStatus(s service.Status) {
	if !s.Installed {
		v.env.printf("%s: not installed\n", s.Name)
		return
	}
	line := string(s.State)
	if s.Result != "" {
		line += " (" + s.Result + ")"
	}
	if s.PID > 0 {
		line += fmt.Sprintf(", process %d", s.PID)
	}
	if !s.Since.IsZero() {
		line += ", since " + s.Since.Local().Format(time.DateTime)
	}
	v.env.printf("%s: %s\n", s.Name, line)
	if s.Text != "" {
		v.env.printf("  %s\n", s.Text)
	}
	if s.Restarts > 0 {
		v.env.printf("  restarted %s\n", count(s.Restarts, "time"))
	}
	if !s.Enabled {
		v.env.printf("  does not start with the machine\n")
	}
	if s.Definition != "" {
		v.env.printf("  %s\n", s.Definition)
	}
	if s.Outdated {
		v.env.warnf("the unit has changed since systemd read it: systemctl daemon-reload")
	}
}
