// Package launch is what a supervisor does with a task: it claims it on disk,
// starts a job process for it, sees to it that what the job reports is sent,
// and removes what there was of it when the server has everything. At a start
// it closes what earlier supervisors left.
package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/network"
	"multirunner/network/jobsock"
	"multirunner/network/sender"
)

// Options are what a Launcher needs.
type Options struct {
	State   *state.Dir
	Pool    *network.Pool
	Sender  *sender.Sender
	Version string
	// Providers are the executors that jobs may use.
	Providers common.Providers
	// Program and Args start a job process; see job.Run.
	Program string
	Args    []string
	// Reporting gives the present settings.
	Reporting func() common.ReportingConfig
	// Actions gives the present settings of the action store.
	Actions func() common.ActionsConfig
	// Workspace is what every job's workspace starts as.
	Workspace common.Workspace
	// CallFailed is told of every report of a registration that failed, by its
	// method. It is called concurrently. May be nil.
	CallFailed func(runner, method string)
	// Dropped is told of every job whose report, or the rest of it, was dropped.
	// It is called concurrently. May be nil.
	Dropped func(why sender.DropReason)
	// Runtimes are what HandOver has given to the program before, by key.
	Runtimes map[string]jobsock.Runtime
	// Retire takes an ephemeral registration out of the configuration after its
	// job. It is called concurrently, and may take its time. May be nil.
	Retire func(runner *common.RunnerConfig)
	Log    logrus.FieldLogger
}

// Launcher implements the supervisor's Dialer, KeyStore, ClaimStore and
// Starter with the state directory, job processes and the sender. All methods
// are safe for concurrent use.
type Launcher struct {
	o Options

	leaving chan struct{}  // closed by Close
	died    chan struct{}  // a job did, whose engine is to be looked at again
	builds  sync.WaitGroup // of the goroutines that look after jobs
	unkept  atomic.Bool    // a claim failed, and none could be made since
	memory  atomic.Int64   // reports that are not on disk
	handing atomic.Bool    // Close is for the program that replaces this one
	now     func() job.Moment

	instance     string // of the state directory; "" when it could not be learnt
	instanceMade bool   // by this process

	mu           sync.Mutex
	configured   map[common.RegistrationID]*common.RunnerConfig // nil before the first configuration
	dialled      map[common.RegistrationID]*common.RunnerConfig // while there is none
	speakers     map[*speaker]struct{}
	capabilities map[common.RegistrationID][]string // of the server, as last declared to
	budgets      map[string]*network.ReportBudget   // by server
	reportRate   float64
	live         map[string]*build // by key, from the claim until the job process has ended
	kept         map[string]bool   // jobs that lived at the start, by key
	runners      []*common.RunnerConfig
	sessions     map[*process.Session]struct{} // of job processes that this process started
	unfinished   []*build                      // jobs that were not reported whole at HandOver
}

// New makes a Launcher. Wait for it with Close.
func New(o Options) *Launcher {
	instance, made, err := o.State.Instance()
	if err != nil {
		o.Log.WithError(err).Error("Containers that dead jobs leave will not be removed")
	}
	return &Launcher{
		instance:     instance,
		instanceMade: made,
		o:            o,
		leaving:      make(chan struct{}),
		died:         make(chan struct{}, 1),
		now:          job.Now,
		dialled:      map[common.RegistrationID]*common.RunnerConfig{},
		speakers:     map[*speaker]struct{}{},
		capabilities: map[common.RegistrationID][]string{},
		budgets:      map[string]*network.ReportBudget{},
		live:         map[string]*build{},
		sessions:     map[*process.Session]struct{}{},
		reportRate:   o.Reporting().RequestsPerSecond,
	}
}

// Close waits for everything that the launcher started. Call it once, after
// the supervisor has returned and the sender is closed: job processes that
// still run are left to the next supervisor.
func (l *Launcher) Close() {
	close(l.leaving)
	l.builds.Wait()
}

// Reconfigure takes the reporting settings and the registrations of a reloaded
// configuration, see configure, and reads the CA files again.
func (l *Launcher) Reconfigure(c *common.Config) {
	reporting := c.Reporting
	l.o.Sender.Reconfigure(reporting)
	l.configure(c.Runners)
	if err := l.o.Pool.Refresh(); err != nil {
		l.o.Log.WithError(err).Error("What was trusted so far is trusted on")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runners = c.Runners
	l.reportRate = reporting.RequestsPerSecond
	for _, budget := range l.budgets {
		budget.Set(reporting.RequestsPerSecond)
	}
}

// client notes the server's capabilities as they are declared to it.
type client struct {
	*network.Client
	l  *Launcher
	id common.RegistrationID
}

func (c client) Declare(ctx context.Context, version string, labels []string) (network.Declared, error) {
	declared, err := c.Client.Declare(ctx, version, labels)
	if err == nil {
		c.l.mu.Lock()
		c.l.capabilities[c.id] = declared.Capabilities
		c.l.mu.Unlock()
	}
	return declared, err
}

// Dial implements supervisor.Dialer.
func (l *Launcher) Dial(runner *common.RunnerConfig) (supervisor.Client, error) {
	speaker, err := l.dial(runner)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	if l.configured == nil {
		l.dialled[runner.ID()] = runner
	}
	l.mu.Unlock()
	return client{speaker, l, runner.ID()}, nil
}

func (l *Launcher) dial(runner *common.RunnerConfig) (*network.Client, error) {
	endpoint, err := l.o.Pool.Endpoint(runner.URL, network.TLSOptions{
		CAFile: runner.TLSCAFile, Insecure: runner.InsecureSkipVerify,
	})
	if err != nil {
		return nil, fmt.Errorf("registration %s: %w", runner.Name, err)
	}
	return endpoint.Client(runner.UUID, runner.Token), nil
}

// Key implements supervisor.KeyStore. It is called before every poll, so this
// is where the registration's token gets to disk, for whoever closes what the
// poll brings. It gives none while there is no room for a claim, and after a
// claim that failed until one can be made: a runner whose disk is full or
// read-only would take all jobs there are, and fail them.
func (l *Launcher) Key(id common.RegistrationID) (string, error) {
	if err := l.o.State.Room(); err != nil {
		return "", err
	}
	if l.unkept.Load() {
		if err := l.o.State.Probe(); err != nil {
			return "", err
		}
		l.unkept.Store(false)
	}
	if err := l.o.State.Prepare(); err != nil {
		l.o.Log.WithError(err).Debug("The next claim will not be as quick as it could")
	}
	if runner := l.known(id); runner != nil { // else it has just left the configuration: a claim keeps the token then
		if err := l.o.State.KeepCredential(id, credentialOf(runner)); err != nil {
			return "", err
		}
	}
	return l.o.State.RequestKey(id)
}

// known gives what the configuration says of a registration now, or nil.
func (l *Launcher) known(id common.RegistrationID) *common.RunnerConfig {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.configured == nil {
		return l.dialled[id]
	}
	return l.configured[id]
}

// Done implements supervisor.KeyStore.
func (l *Launcher) Done(id common.RegistrationID) error { return l.o.State.RotateKey(id) }

// Seen implements supervisor.ClaimStore.
func (l *Launcher) Seen(url string, taskID int64) bool { return l.o.State.Claimed(url, taskID) }

// Claim implements supervisor.ClaimStore. The sender tells the server from now
// on that the task lives.
func (l *Launcher) Claim(runner *common.RunnerConfig, task *runnerv1.Task) (supervisor.Claim, error) {
	onDisk, err := l.o.State.Claim(runner.URL, runner.UUID, task.GetId(), time.Now())
	if errors.Is(err, state.ErrSeen) {
		return nil, supervisor.ErrSeen
	}
	if err != nil {
		l.unkept.Store(true)
		return nil, err
	}
	// After the claim, whose window is kept short. Normally there is nothing
	// to write, see Key.
	if err := l.o.State.KeepCredential(runner.ID(), credentialOf(cmp.Or(l.known(runner.ID()), runner))); err != nil {
		l.log(runner.Name, onDisk).WithError(err).Warn("Should this process end before the job, the next one cannot report it")
	}
	b := l.newBuild(runner, onDisk)
	b.token = job.RuntimeOf(task)
	b.report(runner, false)
	l.addLive(b)
	l.spend(runner)
	return b, nil
}

func (l *Launcher) log(registration string, c *state.Claim) logrus.FieldLogger {
	return l.o.Log.WithFields(logrus.Fields{"runner": registration, "url": c.URL, "task": c.TaskID})
}

// dropped counts a job whose report was dropped; why is "" when it was not.
func (l *Launcher) dropped(why sender.DropReason) {
	if why != "" && l.o.Dropped != nil {
		l.o.Dropped(why)
	}
}

// failed counts failed reports of a registration.
func (l *Launcher) failed(registration string) func(method string) {
	return func(method string) {
		if l.o.CallFailed != nil {
			l.o.CallFailed(registration, method)
		}
	}
}

// budget gives the reporting budget of a registration's server.
func (l *Launcher) budget(runner *common.RunnerConfig) *network.ReportBudget {
	l.mu.Lock()
	defer l.mu.Unlock()
	server := common.NormalizeURL(runner.URL)
	budget := l.budgets[server]
	if budget == nil {
		budget = network.NewBudget(0, l.reportRate).Reports
		l.budgets[server] = budget
	}
	return budget
}

func (l *Launcher) capabilitiesOf(id common.RegistrationID) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.capabilities[id]
}
