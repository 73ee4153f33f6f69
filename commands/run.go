package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"

	"multirunner/commands/assembly"
	"multirunner/commands/configfile"
	"multirunner/commands/metrics"
	"multirunner/commands/notify"
	"multirunner/commands/service"
	"multirunner/commands/supervisor"
	"multirunner/commands/upgrade"
	"multirunner/common"
	"multirunner/helpers/lograte"
)

// RunCommand is `runner run`.
func RunCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "serve all registrations of the configuration",
		Description: `Serves until it is stopped. SIGHUP, or a change of the file, reloads the configuration. SIGQUIT, SIGTERM and
Ctrl-C let running jobs end first; a second signal cancels them, a third kills them. SIGUSR2 goes on as the program
that is on disk now, with the jobs untouched: see runner service upgrade.

Example:
   $ runner run -c /etc/runner/config.toml --listen-address 127.0.0.1:9252`,
		Flags: runFlags(),
		Action: func(c *cli.Context) error {
			return service.Run(func(s service.Supervision) error { return runAction(env, c, s) })
		},
	}
}

func runFlags() []cli.Flag {
	return []cli.Flag{
		configFlag(),
		&cli.StringFlag{Name: "listen-address", Usage: "serve metrics and health at `ADDRESS` (overrides listen_address)"},
		stateDirFlag("keep the state in `DIR` (overrides state_dir)"),
	}
}

func runAction(env *Env, c *cli.Context, under service.Supervision) error {
	if under.Log != nil {
		logged := *env
		logged.Stderr = under.Log
		env = &logged
	}
	r, err := newRunVerb(env, c)
	if err != nil {
		return err
	}
	// Before the configuration is read: what asks for that again is not missed.
	r.signals = newSignals(under.Requests, env.Signals, func() { r.upgrades.Ask() })
	defer r.signals.close()
	r.signals.queue(r.inherited.stops())
	for {
		left, err := r.serve()
		if left == nil {
			return err
		}
		r.replace(left)
		r.inherited = &inherited{Handover: left, same: true}
	}
}

// serve serves until it is told to stop, or to make room for the next program,
// which gets what it gives.
func (r *runVerb) serve() (*upgrade.Handover, error) {
	env, c := r.env, r.flags
	r.log = logrus.New()
	file, config, err := r.load()
	if err != nil {
		return nil, err
	}
	if err := env.ConfigureLog(c, r.log, config); err != nil {
		return nil, err
	}
	r.limit = lograte.Install(r.log)
	r.tell(file)
	stateDir, err := env.stateDir(c, config)
	if err != nil {
		return nil, err
	}
	registry := metrics.NewRegistry(env.Version.Version, time.Now())
	pool := env.NewPool(config.Concurrent)
	defer pool.Close()

	runner, err := assembly.New(assembly.Options{
		Config: config, StateDir: stateDir,
		Providers: env.Executors(ExecutorOptions{Log: r.log, Builds: filepath.Join(stateDir, "builds")}), Pool: pool, Version: env.Version.Version,
		Workspace: common.Workspace{Mode: common.WorkspaceEmpty}, Registerer: registry, Log: r.log, Stop: r.signals.stop, Drain: r.signals.drain,
		Retire: r.retire(file.Path), Upgrades: r.upgrades, Inherited: r.inherited.handover(),
	})
	if err != nil {
		return nil, err
	}
	r.log.WithFields(logrus.Fields{"config": file.Path, "state": stateDir, "version": env.Version.Version}).Info(r.inherited.greeting())

	ctx, cancel := context.WithCancel(c.Context)
	var background sync.WaitGroup
	r.left.Store(false)
	r.watched = r.newWatched(registry, runner, stateDir)
	r.watched.use(config)
	background.Go(func() { r.watched.run(ctx) })
	background.Go(func() { r.limit.Run(ctx) })
	r.reporter = r.newReporter(runner.Supervisor().Pulse)
	background.Go(func() { r.report(ctx, r.signals.stopping) })
	background.Go(func() { r.follow(ctx, file, r.signals.reload, runner) })
	background.Go(func() { r.followUpgrades(ctx, runner, stateDir) })
	err = runner.Run(c.Context)
	if errors.Is(err, supervisor.ErrLeft) {
		r.left.Store(true)
		r.watched.admin.Keep()
	}
	cancel()
	background.Wait()
	switch {
	case errors.Is(err, supervisor.ErrLeft):
		left := runner.Left()
		left.From, left.Listeners = env.Version.Version, r.watched.admin.Kept()
		return left, nil
	case errors.Is(err, supervisor.ErrKilled), errors.Is(err, assembly.ErrUnsent):
		return nil, fmt.Errorf("stopped at once: %w", err)
	case err == nil:
		r.log.Info("Runner stopped")
	}
	return nil, err
}

// runVerb is what `run` remembers while it serves.
type runVerb struct {
	env       *Env
	flags     *cli.Context
	program   string // on disk; "" when it cannot be replaced
	signals   *signals
	upgrades  *upgrade.Tracker
	inherited *inherited
	left      atomic.Bool // for the next program
	refused   int         // upgrades

	// Of the present serve.
	log      *logrus.Logger
	limit    *lograte.Limiter
	watched  *watched
	reporter *notify.Reporter
}

// load reads the configuration and leaves out the registrations that cannot
// be served: the others go on.
func (r *runVerb) load() (*configfile.File, *common.Config, error) {
	file, err := r.env.load(r.flags.String("config"))
	if err != nil {
		return nil, nil, err
	}
	config, err := usable(file)
	return file, config, err
}

// usable gives the configuration without its broken registrations. A global
// key that is wrong is an error: there is nothing to go on with.
func usable(file *configfile.File) (*common.Config, error) {
	var wrong []error
	for _, problem := range file.Problems {
		if !problem.Warning && problem.Runner == common.GlobalProblem {
			wrong = append(wrong, errors.New(problem.String()))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	config := *file.Config
	broken := file.Config.Broken(file.Problems)
	config.Runners = nil
	for i, runner := range file.Config.Runners {
		if !broken[i] {
			config.Runners = append(config.Runners, runner)
		}
	}
	return &config, nil
}

// tell logs what is wrong with the configuration.
func (r *runVerb) tell(file *configfile.File) {
	for _, problem := range file.Problems {
		if problem.Warning {
			r.log.Warn(problem.String())
			continue
		}
		r.log.Errorf("%s: this registration is left out, the others are served", problem)
	}
	if len(file.Config.Runners) == 0 {
		r.log.Warnf("%s has no [[runners]]: add one with `runner register`; it is picked up as soon as the file changes", file.Path)
	}
}

// follow reloads the configuration when it is told to or when the file has
// changed, until ctx is done.
func (r *runVerb) follow(ctx context.Context, file *configfile.File, hup <-chan struct{}, runner *assembly.Runner) {
	changes := newChangeWatch(file)
	defer changes.close()
	for {
		var source string
		select {
		case <-ctx.Done():
			return
		case <-hup:
			changes.told() // once, also when it cannot be used
			source = "SIGHUP"
		case <-changes.look():
			if !changes.changed() {
				continue
			}
			source = "file changed"
		}
		r.reporter.Reload(func() {
			req := r.reload(changes, source)
			r.watched.reloaded(req)
			runner.Reload(req)
		})
	}
}

func (r *runVerb) reload(changes *changeWatch, source string) supervisor.ReloadRequest {
	file, config, err := r.load()
	if err != nil {
		return supervisor.ReloadRequest{Err: err, Source: source}
	}
	changes.loaded(file)
	r.tell(file)
	if err := r.env.ConfigureLog(r.flags, r.log, config); err != nil {
		return supervisor.ReloadRequest{Err: err, Source: source}
	}
	r.limit.Wrap()
	return supervisor.ReloadRequest{Config: config, Source: source}
}
