// Package assembly puts a whole runner together: state directory, sender,
// launcher and supervisor. `run` and `exec` differ in where configuration and
// server come from, not in this.
package assembly

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"multirunner/commands/control"
	"multirunner/commands/launch"
	"multirunner/commands/metrics"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/commands/upgrade"
	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/network"
	"multirunner/network/sender"
)

// sendPatience is how long a runner that leaves goes on sending what jobs have
// reported. The rest stays on disk for the next start.
const sendPatience = 30 * time.Second

// ErrUnsent is Run's error when somebody would not wait for the sending.
var ErrUnsent = errors.New("the next start sends what servers do not have yet of the jobs")

// JobVerb is the hidden verb that runs a job process.
const JobVerb = "job"

// Options are what a runner needs.
type Options struct {
	Config    *common.Config // validated, with tokens
	StateDir  string
	Providers common.Providers
	Pool      *network.Pool
	Workspace common.Workspace
	Version   string
	// Registerer takes the metrics.
	Registerer prometheus.Registerer
	Log        *logrus.Logger
	Stop       <-chan supervisor.StopRequest
	// Drain is called when a command asks for what StopDrain does. Nil: no
	// command can talk to this runner.
	Drain func()
	// Retire is as in launch.Options.
	Retire func(runner *common.RunnerConfig)
	// Upgrades takes the asks for an upgrade; nil: it cannot be upgraded.
	Upgrades *upgrade.Tracker
	// Inherited is what the program before has left; nil without one. Its lock
	// and control socket are the Runner's from then on, also after an error.
	Inherited *upgrade.Handover
}

// Runner is a runner that holds its state directory. Call Run once, or Close.
type Runner struct {
	state      *state.Dir
	sender     *sender.Sender
	launcher   *launch.Launcher
	metrics    *supervisor.Metrics
	supervisor *supervisor.Supervisor
	reload     chan supervisor.ReloadRequest
	stop       <-chan supervisor.StopRequest
	done       chan struct{} // closed when Run returns
	config     atomic.Pointer[common.Config]
	log        logrus.FieldLogger

	controller *controller
	reaper     *reaper
	left       *upgrade.Handover // after ErrLeft

	talking sync.Mutex
	control *control.Server // nil without one
	socket  *os.File        // of control, while nobody listens
	closed  bool            // nobody will
}

// New opens the state directory, closes what an earlier runner left, and makes
// everything ready. After an error nothing is open.
func New(o Options) (*Runner, error) {
	// It holds the tokens of all registrations, and jobs may run as its user.
	if err := process.HideMemory(); err != nil {
		o.Log.WithError(err).Warn("Jobs of this process's user can read this process's memory")
	}
	program, err := process.Self()
	if err != nil {
		return nil, err
	}
	in := o.Inherited
	if in == nil {
		in = new(upgrade.Handover)
	}
	dir, err := openState(o.StateDir, in)
	if err != nil {
		return nil, err
	}
	r := &Runner{state: dir, reload: make(chan supervisor.ReloadRequest), stop: o.Stop, done: make(chan struct{}), log: o.Log}
	r.reaper = startReaper(in.Children)
	r.config.Store(o.Config)
	r.metrics = supervisor.NewMetrics(o.Registerer)
	reports := metrics.NewReports(o.Registerer)
	r.sender = sender.New(sender.Options{
		Config: o.Config.Reporting, Log: o.Log, Observe: reports.Observe, Panicked: r.metrics.Panicked,
	})
	r.launcher = launch.New(launch.Options{
		State: dir, Pool: o.Pool, Sender: r.sender, Version: o.Version, Providers: o.Providers,
		Program: program, Args: []string{JobVerb},
		Reporting: func() common.ReportingConfig { return r.config.Load().Reporting },
		Actions:   func() common.ActionsConfig { return r.config.Load().Actions },
		Workspace: o.Workspace, CallFailed: r.metrics.CallFailed, Dropped: reports.Drop, Retire: o.Retire, Log: o.Log,
		Runtimes: in.Runtimes,
	})
	adopted, err := r.launcher.Recover(o.Config.Runners)
	if err == nil {
		paused, spent := r.marks()
		r.supervisor, err = supervisor.New(supervisor.Options{
			Config: o.Config, Providers: o.Providers, Dialer: r.launcher, Keys: r.launcher, Claims: r.launcher,
			Starter: r.launcher, Version: o.Version, Log: o.Log, Metrics: r.metrics,
			Reload: r.reload, Stop: o.Stop, Adopted: adopted, Paused: paused, Spent: spent,
		})
	}
	if err != nil {
		return nil, errors.Join(err, r.close(0))
	}
	r.listen(o, in.Control)
	return r, nil
}

// marks gives the registrations that are paused, and those that are spent. A
// file that cannot be read is told: it must not keep the runner from working.
func (r *Runner) marks() (paused, spent []common.RegistrationID) {
	paused, err := r.state.Paused()
	if err != nil {
		r.log.WithError(err).Error("Registrations that were paused are polled")
	}
	if spent, err = r.state.Spent(); err != nil {
		r.log.WithError(err).Error("Ephemeral registrations that have had their job are polled once more")
	}
	return paused, spent
}

// Run serves until it is told to stop and its jobs have ended, then sends what
// is left for up to 30 seconds and gives the state directory up. The error is
// supervisor.ErrKilled when job processes were killed, and ErrUnsent when the
// sending was not waited for. After Leave it is supervisor.ErrLeft, see Left.
func (r *Runner) Run(ctx context.Context) error {
	err := r.supervisor.Run(ctx)
	close(r.done)
	if errors.Is(err, supervisor.ErrLeft) {
		return errors.Join(err, r.handOver())
	}
	if errors.Is(err, supervisor.ErrKilled) {
		return errors.Join(err, r.close(0)) // whoever asks a third time wants it now
	}
	return errors.Join(err, r.send(), r.close(0))
}

// send sends what is left. As before, the third signal ends the waiting.
func (r *Runner) send() error {
	stats := r.sender.Stats()
	if stats.Jobs == 0 {
		return nil
	}
	r.log.WithFields(logrus.Fields{"jobs": stats.Jobs, "rows": stats.Rows}).Infof("Sending what is left, for up to %s", sendPatience)
	ctx, cancel := context.WithTimeout(context.Background(), sendPatience)
	defer cancel()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		r.sender.Close(ctx)
	}()
	phase, requests := r.supervisor.Phase(), r.stop
	for {
		select {
		case <-sent:
			return nil
		case req, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			if phase = phase.After(req); phase == supervisor.Killing {
				cancel()
				<-sent
				return ErrUnsent
			}
		}
	}
}

// Reload makes a configuration the present one; one that carries an error
// leaves the old one running.
func (r *Runner) Reload(req supervisor.ReloadRequest) {
	if req.Err == nil {
		r.config.Store(req.Config)
		r.launcher.Reconfigure(req.Config)
	}
	select {
	case r.reload <- req:
	case <-r.done:
	}
}

// Supervisor is for who wants to know what is going on.
func (r *Runner) Supervisor() *supervisor.Supervisor { return r.supervisor }

func (r *Runner) close(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.sender.Close(ctx)
	err := r.hangUp() // before the lock is free: the next runner makes its own
	r.launcher.Close()
	r.reaper.stop()
	return errors.Join(err, r.state.Close())
}
