package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/control"
	"multirunner/commands/service"
	"multirunner/common"
)

const serviceUpgradeDescription = `Makes the running runner go on as the program that is on disk now: replace the
file first. Jobs run on untouched, polls under way end first, metrics and
commands are answered by the next program. The process stays the same.

The program on disk is asked beforehand whether it can take over: it must run,
use the configuration, and read what the jobs have written. When it does not,
or when the runner is stopping, nothing changes and the exit code is 1.

Without -c and --working-directory the service of that name is meant. With one
of them any runner can be upgraded, a service or not. SIGUSR2 does the same.

Example:
   $ sudo install -m 755 runner /usr/local/bin/runner
   $ sudo runner service upgrade`

const (
	upgradeLook = 200 * time.Millisecond
	// What a program may take to answer in the place of another one.
	takeoverPatience = time.Minute
)

func (v *serviceVerb) upgradeCommand() *cli.Command {
	command := v.simple("upgrade", "go on as the program that is on disk now, with the jobs untouched", v.upgrade, runningFlags(
		&cli.BoolFlag{Name: "json", Usage: "print a JSON object per line, for scripts"})...)
	command.Description = serviceUpgradeDescription
	return command
}

func (v *serviceVerb) upgrade(c *cli.Context, name string) error {
	dir, err := v.upgradeStateDir(c, name)
	if err != nil {
		return err
	}
	u := &upgrader{env: v.env, dir: dir, json: c.Bool("json")}
	return u.run(c.Context)
}

// upgradeStateDir finds the runner that is meant: the flags', or the service's.
func (v *serviceVerb) upgradeStateDir(c *cli.Context, name string) (string, error) {
	if c.String("config") != "" || c.String("working-directory") != "" {
		return v.env.runningStateDir(c)
	}
	status, err := v.host.Manager.Status(c.Context, name)
	switch {
	case err != nil && !c.IsSet("name"): // no service manager that could be asked
		return v.env.runningStateDir(c)
	case err != nil:
		return "", err
	case !status.Installed && !c.IsSet("name"):
		return v.env.runningStateDir(c)
	case !status.Installed:
		return "", &service.NotInstalledError{Name: name}
	case status.State != service.Running && status.State != service.Reloading:
		return "", fmt.Errorf("the service %s is not running (%s): there is nothing to upgrade; runner service start%s starts the program that is on disk",
			name, status.State, service.NameFlag(name))
	}
	args, err := v.host.Manager.Arguments(name)
	if err != nil {
		return "", fmt.Errorf("where has the service %s its state? %w; name it with --working-directory", name, err)
	}
	config, dir := "", ""
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "--config":
			config = args[i+1]
		case "--working-directory":
			dir = args[i+1]
		}
	}
	if dir != "" {
		return dir, nil
	}
	file, err := v.env.load(config)
	if err != nil {
		return "", err
	}
	if file.Config.StateDir == "" {
		return v.env.stateDir(c, new(common.Config))
	}
	return file.Config.StateDir, nil
}

// upgraded is what `runner service upgrade` tells.
type upgraded struct {
	Stage string `json:"stage"` // as in control, or done
	From  string `json:"from"`
	control.Upgrade
}

func (u upgraded) String() string {
	switch control.UpgradeStage(u.Stage) {
	case control.UpgradeChecking:
		return "asking the program on disk whether it can take over"
	case control.UpgradeWaiting:
		if what := waitingFor(u.Upgrade); what != "" {
			return "waiting for " + what
		}
		return fmt.Sprintf("version %s can take over", u.To)
	case control.UpgradeReplacing:
		return "replacing the program"
	}
	return fmt.Sprintf("re-executed, version %s -> %s", u.From, u.To)
}

// upgrader asks for an upgrade and follows it.
type upgrader struct {
	env  *Env
	dir  string
	json bool

	from  control.Status
	told  string
	since time.Time // of the last answer
}

func (u *upgrader) run(ctx context.Context) error {
	client, err := control.Dial(ctx, u.dir)
	if err != nil {
		return err
	}
	defer func() { client.Close() }()
	if u.from, err = client.Status(ctx); err != nil {
		return err
	}
	if u.from.Instance == "" {
		return fmt.Errorf("the runner that runs (version %s) cannot be upgraded in place: restart it", u.from.Version)
	}
	asked, err := client.Upgrade(ctx)
	if err != nil {
		return err
	}
	u.tell(string(asked.Stage), asked)
	u.since = time.Now()
	for {
		status, err := client.Status(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			u.since = time.Now()
			if done, err := u.follow(status, asked.Number); done {
				return err
			}
		case time.Since(u.since) > takeoverPatience:
			return fmt.Errorf("the next program does not answer: see the runner's log (%w)", err)
		default: // between the programs
			next, err := control.Dial(ctx, u.dir)
			var notRunning *control.NotRunningError
			if errors.As(err, &notRunning) {
				return errors.New("the runner has ended while it was upgraded: see its log. Its jobs go on, and the next start takes them over")
			}
			if err == nil {
				client.Close()
				client = next
				continue
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(upgradeLook):
		}
	}
}

// follow tells how far the upgrade is, and whether it is over.
func (u *upgrader) follow(s control.Status, number int) (done bool, err error) {
	if s.Instance != u.from.Instance {
		if s.Replaced == "" {
			return true, fmt.Errorf("the runner was started anew instead of going on (now version %s): see its log. Its jobs were taken over", s.Version)
		}
		u.tell("done", control.Upgrade{Number: number, To: s.Version})
		return true, nil
	}
	now := s.Upgrade
	if now == nil || now.Number != number {
		return true, errors.New("somebody else has asked for another upgrade meanwhile: see the runner's log")
	}
	if now.Stage == control.UpgradeFailed {
		return true, fmt.Errorf("not upgraded: %s (the runner goes on as version %s)", strings.TrimSuffix(now.Error, "."), s.Version)
	}
	u.tell(string(now.Stage), *now)
	return false, nil
}

// tell prints what has changed.
func (u *upgrader) tell(stage string, now control.Upgrade) {
	line := upgraded{Stage: stage, From: u.from.Version, Upgrade: now}
	if line.String() == u.told {
		return
	}
	u.told = line.String()
	if u.json {
		_ = u.env.printJSONLine(line)
		return
	}
	u.env.printf("%s\n", line)
}
