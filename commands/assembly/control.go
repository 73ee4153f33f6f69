package assembly

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"multirunner/commands/control"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/commands/upgrade"
	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/helpers/reexec"
	"multirunner/helpers/suggest"
	"multirunner/network/jobsock"
)

const (
	// What job processes may take to tell what they are doing, and how many are
	// asked at once.
	jobPatience = 2 * time.Second
	jobsAtOnce  = 32
	// sendingPhase is the phase of a runner whose supervisor has ended.
	sendingPhase = "sending what is left"
)

// controller answers what the command line asks over control.sock.
type controller struct {
	r       *Runner
	version string
	pid     int
	start   uint64 // of the process; 0 when it is not known
	drain   func()
	pausing sync.Mutex // the file and the supervisor change together

	upgrades *upgrade.Tracker // nil: it cannot be upgraded
}

// listen makes the socket, or takes it over. A runner without one works, so an
// error is told and no more.
func (r *Runner) listen(o Options, inherited *os.File) {
	if o.Drain == nil {
		return
	}
	c := &controller{r: r, version: o.Version, pid: os.Getpid(), drain: o.Drain, upgrades: o.Upgrades}
	c.start, _ = process.StartTime(c.pid) // without it the number must do
	r.controller = c
	var err error
	if inherited != nil {
		if r.control, err = control.Inherit(r.state.Root(), inherited, c, r.log); err == nil {
			return
		}
		r.control = nil
		r.log.WithError(err).Warn("The control socket is made anew")
	}
	if r.control, err = control.Listen(r.state.Root(), c, r.log); err != nil {
		r.control = nil
		r.log.WithError(err).Error("No command can talk to this runner")
	}
}

// Status implements control.Handler.
func (c *controller) Status(ctx context.Context) (control.Status, error) {
	status := control.Status{
		PID: c.pid, Start: c.start, Version: c.version, StateDir: c.r.state.Root(),
		Phase: sendingPhase, Stopping: true, Unsent: c.r.sender.Stats().Jobs, Registrations: []control.Registration{},
	}
	if c.upgrades != nil {
		c.upgrades.Describe(&status)
	}
	s, err := c.r.supervisor.Snapshot(ctx)
	if errors.Is(err, supervisor.ErrNotRunning) {
		return status, nil
	}
	if err != nil {
		return status, err
	}
	status.Phase, status.Stopping = s.Phase, s.Phase != supervisor.Running.String()
	status.Concurrent, status.Running, status.Polling, status.Waiting = s.Concurrent, s.Running, s.Polling, s.Waiting
	status.Unsent = max(0, status.Unsent-len(s.Jobs))
	for _, r := range s.Registrations {
		if !r.Removed {
			status.Registrations = append(status.Registrations, registrationView(r))
		}
	}
	return status, nil
}

func registrationView(r supervisor.RegistrationStatus) control.Registration {
	return control.Registration{
		Name: r.Name, URL: r.URL, UUID: r.UUID, Paused: r.Paused, Health: string(r.Health), Reason: r.Reason, NoRoom: r.NoRoom,
		Polling: r.Polling, WaitsForTurn: r.Ready, NextPoll: orNull(r.NextPoll), BackoffSeconds: r.Backoff.Seconds(),
		LastOutcome: r.LastOutcome, LastPoll: orNull(r.LastPoll), Running: r.Running,
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Jobs implements control.Handler. What a job process does not tell in time is
// left out.
func (c *controller) Jobs(ctx context.Context) ([]control.Job, error) {
	s, err := c.r.Status(ctx)
	if errors.Is(err, supervisor.ErrNotRunning) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	jobs := make([]control.Job, len(s.Jobs))
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(jobsAtOnce)
	for i, j := range s.Jobs {
		jobs[i] = jobView(j)
		group.Go(func() error {
			if told, err := c.r.launcher.JobStatus(ctx, keyOf(j)); err == nil {
				addTold(&jobs[i], told)
			}
			return nil
		})
	}
	_ = group.Wait() // no errors: see above
	return jobs, nil
}

func keyOf(j supervisor.JobStatus) string { return state.JobKey(j.URL, j.TaskID) }

func jobView(j supervisor.JobStatus) control.Job {
	return control.Job{
		Task: j.TaskID, Runner: j.Runner, URL: j.URL, Repository: j.Repository, Job: j.Job, State: string(j.State),
		Stage: j.Stage, Since: orNull(j.Since), Executor: j.Executor, Label: j.Label,
	}
}

// addTold adds what the job process says of itself.
func addTold(job *control.Job, told jobsock.Status) {
	job.PID, job.Rows, job.Step, job.StepName = told.Pid, told.Rows, told.Step+1, told.Name
	if told.Repository != "" {
		job.Repository, job.Job = told.Repository, told.Job
	}
	if told.Stop != "" {
		job.State = "stopping"
	}
}

// Drain implements control.Handler.
func (c *controller) Drain(context.Context) error {
	c.r.log.Info("Stopping, as `runner drain` asks.")
	c.drain()
	return nil
}

// Upgrade implements control.Handler.
func (c *controller) Upgrade(context.Context) (control.Upgrade, error) {
	if c.upgrades == nil || !reexec.Supported {
		return control.Upgrade{}, upgrade.ErrUnsupported
	}
	c.r.log.Info("Upgrading, as `runner service upgrade` asks.")
	return c.upgrades.Ask(), nil
}

// Cancel implements control.Handler.
func (c *controller) Cancel(ctx context.Context, wanted control.Cancel) (control.Job, error) {
	s, err := c.r.Status(ctx)
	if err != nil {
		return control.Job{}, ending(err)
	}
	job, err := choose(s.Jobs, wanted)
	if err != nil {
		return control.Job{}, err
	}
	reason, how := common.StopServer, "Job is cancelled, as `runner cancel` asks."
	if wanted.Kill {
		reason, how = common.StopKill, "Job is killed, as `runner cancel --kill` asks."
	}
	if !c.r.launcher.Stop(keyOf(job), reason) {
		return control.Job{}, fmt.Errorf("task %d has ended just now", wanted.Task)
	}
	c.r.log.WithFields(logrus.Fields{"runner": job.Runner, "url": job.URL, "task": job.TaskID}).Info(how)
	return jobView(job), nil
}

// choose gives the one job that is meant: ids are unique per server only.
func choose(jobs []supervisor.JobStatus, wanted control.Cancel) (supervisor.JobStatus, error) {
	var found []supervisor.JobStatus
	for _, j := range jobs {
		if j.TaskID == wanted.Task && (wanted.URL == "" || common.NormalizeURL(wanted.URL) == common.NormalizeURL(j.URL)) {
			found = append(found, j)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		where := ""
		if wanted.URL != "" {
			where = " of " + wanted.URL
		}
		return supervisor.JobStatus{}, fmt.Errorf("the runner has no job with task %d%s: runner jobs shows those that it has", wanted.Task, where)
	}
	var urls []string
	for _, j := range found {
		urls = append(urls, j.URL)
	}
	slices.Sort(urls)
	return supervisor.JobStatus{}, fmt.Errorf("%d servers have a task %d: say which one with --url: %s", len(found), wanted.Task, strings.Join(urls, ", "))
}

// Pause implements control.Handler. The file changes first: what a command
// was told outlives a crash.
func (c *controller) Pause(ctx context.Context, name string, paused bool) (control.Changed, error) {
	c.pausing.Lock()
	defer c.pausing.Unlock()
	s, err := c.r.supervisor.Snapshot(ctx)
	if err != nil {
		return control.Changed{}, ending(err)
	}
	changed := control.Changed{Changed: []string{}, Already: []string{}}
	meant, err := named(s.Registrations, name)
	if err != nil {
		return changed, err
	}
	marked, err := c.r.state.Paused()
	if err != nil && (name != "" || paused) {
		return changed, err
	}
	if name == "" && !paused {
		marked = nil // those that have left the configuration, too
	}
	for _, r := range meant {
		id := common.RegistrationID{URL: r.URL, UUID: r.UUID}
		marked = slices.DeleteFunc(marked, func(other common.RegistrationID) bool { return other == id })
		if paused {
			marked = append(marked, id)
		}
		if r.Paused == paused {
			changed.Already = append(changed.Already, r.Name)
		} else {
			changed.Changed = append(changed.Changed, r.Name)
		}
	}
	if err := c.r.state.SetPaused(marked); err != nil {
		return control.Changed{}, fmt.Errorf("nothing is changed: %w", err)
	}
	return changed, c.r.supervisor.SetPaused(ctx, marked)
}

// ending says for people that the supervisor has ended already.
func ending(err error) error {
	if errors.Is(err, supervisor.ErrNotRunning) {
		return errors.New("the runner is about to end: it polls no more, and its jobs have ended")
	}
	return err
}

// named gives the registrations that a name means, all for "".
func named(all []supervisor.RegistrationStatus, name string) ([]supervisor.RegistrationStatus, error) {
	var meant []supervisor.RegistrationStatus
	var names []string
	for _, r := range all {
		if r.Removed {
			continue
		}
		names = append(names, r.Name)
		if name == "" || r.Name == name {
			meant = append(meant, r)
		}
	}
	if len(meant) > 0 || name == "" {
		return meant, nil
	}
	hint := "runner list shows them"
	if near := suggest.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return nil, fmt.Errorf("the runner serves no registration named %q: %s", name, hint)
}
