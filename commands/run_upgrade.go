package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"multirunner/commands/admin"
	"multirunner/commands/assembly"
	"multirunner/commands/control"
	"multirunner/commands/supervisor"
	"multirunner/commands/upgrade"
	"multirunner/common"
	"multirunner/helpers/reexec"
)

// upgradePatience is how long what only this program can finish may take: a
// poll ends by itself within 25 seconds, a job is started in a moment.
const upgradePatience = 2 * time.Minute

// errStoppingUpgrade is why a runner that stops is not upgraded.
var errStoppingUpgrade = errors.New("the runner is stopping: it ends when its jobs have, and what starts then is the program on disk")

// inherited is what the program before has left; nil without one.
type inherited struct {
	*upgrade.Handover
	trouble error // with what can be done without
	same    bool  // the program before is this one: the next could not be started
}

func (in *inherited) handover() *upgrade.Handover {
	if in == nil {
		return nil
	}
	return in.Handover
}

func (in *inherited) listeners() []admin.Listening {
	if in == nil {
		return nil
	}
	return in.Listeners
}

func (in *inherited) stops() []supervisor.StopRequest {
	if in == nil {
		return nil
	}
	return in.Stops
}

// greeting is the line of a start.
func (in *inherited) greeting() string {
	switch {
	case in == nil:
		return "Runner started"
	case in.same:
		return "Runner goes on as before"
	}
	return fmt.Sprintf("Runner goes on in the place of version %s", in.From)
}

func newRunVerb(env *Env, c *cli.Context) (*runVerb, error) {
	r := &runVerb{env: env, flags: c}
	replaced := ""
	if env.Unsetenv != nil {
		handover, err := upgrade.Inherit(env.Getenv, env.Unsetenv)
		if handover == nil && err != nil {
			return nil, err
		}
		if handover != nil {
			r.inherited, replaced = &inherited{Handover: handover, trouble: err}, handover.From
		}
	}
	r.upgrades = upgrade.NewTracker(replaced)
	if len(env.Args) > 0 && reexec.Supported {
		program, err := reexec.OnDisk(env.Args[0]) // now: the file will be replaced
		if err != nil {
			return nil, fmt.Errorf("where is this program: %w", err)
		}
		r.program = program
	}
	return r, nil
}

// followUpgrades upgrades when it is asked for, until ctx is done.
func (r *runVerb) followUpgrades(ctx context.Context, runner *assembly.Runner, stateDir string) {
	if r.inherited != nil && r.inherited.trouble != nil {
		r.log.WithError(r.inherited.trouble).Warn("Not all that the program before has left can be used")
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.upgrades.Asks():
		}
		err := r.upgrade(ctx, runner, stateDir)
		if err == nil {
			return
		}
		if errors.Is(err, supervisor.ErrStopping) || errors.Is(err, supervisor.ErrNotRunning) || ctx.Err() != nil {
			err = errStoppingUpgrade
		}
		r.notUpgraded(err)
	}
}

// notUpgraded tells why not, each time that somebody has asked.
func (r *runVerb) notUpgraded(err error) {
	r.upgrades.Fail(err)
	r.refused++
	r.log.WithError(err).WithField("attempt", r.refused).Error("Not upgraded: the runner goes on as before.")
}

// upgrade makes the runner leave, for the program on disk. After an error it
// goes on.
func (r *runVerb) upgrade(ctx context.Context, runner *assembly.Runner, stateDir string) error {
	if runner.Supervisor().Phase() != supervisor.Running {
		return supervisor.ErrStopping
	}
	checked, err := r.check(ctx, stateDir)
	if err != nil {
		return err
	}
	r.log.Infof("Upgrading to version %s: no new polls until it goes on; those under way are waited for.", checked.Version)
	r.upgrades.Update(func(u *control.Upgrade) { u.Stage, u.To = control.UpgradeWaiting, checked.Version })
	if err := r.hold(ctx, runner); err != nil {
		return err
	}
	if checked.Changed() {
		if checked, err = r.check(ctx, stateDir); err != nil {
			runner.Release()
			return err
		}
	}
	r.upgrades.Update(func(u *control.Upgrade) {
		*u = control.Upgrade{Number: u.Number, Stage: control.UpgradeReplacing, To: checked.Version}
	})
	return r.reporter.Leave("Upgrading to version "+checked.Version, runner.Leave)
}

func (r *runVerb) hold(ctx context.Context, runner *assembly.Runner) error {
	var waiting assembly.Unsettled
	ctx, cancel := context.WithTimeout(ctx, upgradePatience)
	defer cancel()
	err := runner.Hold(ctx, func(u assembly.Unsettled) {
		waiting = u
		r.upgrades.Update(func(now *control.Upgrade) {
			now.Polls, now.Waiting, now.Starting, now.Unkept = u.Polls, u.Waiting, u.Starting, u.Unkept
		})
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("after %s there are still %s, which only this program can finish: try again later",
			upgradePatience, waitingFor(control.Upgrade{Polls: waiting.Polls, Waiting: waiting.Waiting, Starting: waiting.Starting, Unkept: waiting.Unkept}))
	}
	return err
}

// waitingFor tells people what an upgrade waits for.
func waitingFor(u control.Upgrade) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{u.Polls, count(u.Polls, "poll") + " under way"}, {u.Waiting, count(u.Waiting, "job") + " without a slot"},
		{u.Starting, count(u.Starting, "job") + " being started"}, {u.Unkept, count(u.Unkept, "report") + " that could not be kept on disk"}} {
		if part.n > 0 {
			parts = append(parts, part.what)
		}
	}
	return strings.Join(parts, ", ")
}

// check asks the program on disk whether it can take over.
func (r *runVerb) check(ctx context.Context, stateDir string) (*upgrade.Checked, error) {
	if r.program == "" {
		return nil, upgrade.ErrUnsupported
	}
	root, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, err
	}
	served := map[common.RegistrationID]bool{}
	if _, config, err := r.load(); err == nil { // else it says so, too
		for _, runner := range config.Runners {
			served[runner.ID()] = true
		}
	}
	return upgrade.Check(ctx, upgrade.Program{Path: r.program, Args: r.env.Args[1:], Env: checkEnvironment(os.Environ())}, root,
		func(id common.RegistrationID) bool { return served[id] })
}

// checkEnvironment is that of the runner, without what is for the process that
// the service manager looks after.
func checkEnvironment(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" || name == "WATCHDOG_PID" || name == upgrade.Variable
	})
}

// replace runs the program on disk in place of this one. It returns when that
// failed.
func (r *runVerb) replace(left *upgrade.Handover) {
	program := reexec.Program{Path: r.program, Args: append([]string{r.program}, r.env.Args[1:]...), Env: os.Environ()}
	left.Stops = r.signals.leave()
	err := left.Replace(program)
	r.signals.resume(left.Stops)
	left.Stops = nil
	r.notUpgraded(fmt.Errorf("the program on disk cannot be started: %w", err))
}

// UpgradeCheckCommand is what a runner asks the program on disk that is to
// replace it. It is no verb for people.
func UpgradeCheckCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:   upgrade.CheckVerb,
		Usage:  "tell a running runner whether this program can take over",
		Hidden: true,
		Flags:  runFlags(),
		Action: func(c *cli.Context) error {
			answer := upgrade.NewAnswer(env.Version.Version)
			if err := env.checkUpgrade(c, &answer); err != nil {
				answer.Problem = err.Error()
			}
			return env.printJSON(answer)
		},
	}
}

// checkUpgrade does what a start does first, and changes nothing.
func (e *Env) checkUpgrade(c *cli.Context, answer *upgrade.Answer) error {
	file, err := e.load(c.String("config"))
	if err != nil {
		return err
	}
	answer.Config = file.Path
	config, err := usable(file)
	if err != nil {
		return err
	}
	broken := file.Config.Broken(file.Problems)
	for i, runner := range file.Config.Runners {
		if !broken[i] {
			continue
		}
		answer.LeftOut = append(answer.LeftOut, upgrade.LeftOut{Registration: runner.ID(), Name: runner.Name, Problem: problemOf(file.Problems, i)})
	}
	dir, err := e.stateDir(c, config)
	if err != nil {
		return err
	}
	if answer.StateDir, err = filepath.Abs(dir); err != nil {
		return err
	}
	answer.Foreign = upgrade.Foreign(answer.StateDir)
	return nil
}

// problemOf is the first thing that is wrong with a registration.
func problemOf(problems []common.Problem, runner int) string {
	for _, problem := range problems {
		if !problem.Warning && problem.Runner == runner {
			return problem.String()
		}
	}
	return ""
}
