package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multirunner/commands/assembly"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/rmtree"
	"multirunner/network"
	"multirunner/network/coordinator"
	"multirunner/network/sender"
)

// ErrFailed says that a job failed or was cancelled. The table has told.
var ErrFailed = errors.New("not all jobs succeeded")

// Run runs workflows to their end. The error is ErrFailed when a job failed.
func Run(ctx context.Context, o Options) error {
	output := newOutlet(o.Stdout)
	print := &printer{out: output, colour: o.Colour, json: o.JSON, now: time.Now}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("-C %s: not a directory", o.Dir)
	}
	event, err := readEvent(o.EventFile)
	if err != nil {
		return err
	}
	files, broken, err := findWorkflows(dir, o.Workflows, o.Event, print.note)
	if err != nil {
		return err
	}
	if broken != nil {
		// Told again at the end, where a person looks.
		print.note("left out, the others are run: %v", broken)
		broken = fmt.Errorf("not run: %w", broken)
	}
	for _, f := range files {
		for _, warning := range f.workflow.Warnings {
			print.note("%v", warning)
		}
	}
	if len(o.Labels) == 0 {
		print.note("no --label given: every job runs on this machine, whatever its runs-on says")
	}
	s, err := newSession(dir, o, print)
	if err != nil {
		return err
	}
	s.unread = output.failed
	err = s.run(ctx, files, event)
	closed := s.close(err != nil)
	if err != nil {
		return errors.Join(err, closed, broken)
	}
	// Also when something could not be cleaned up: it is what a person came for.
	if good := print.summary(s.watcher.outcomes()); !good && closed == nil && broken == nil {
		return ErrFailed
	}
	return errors.Join(closed, broken)
}

// session is the server and the runner of one exec.
type session struct {
	o        Options
	dir      string
	print    *printer
	server   *coordinator.Server
	watcher  *watcher
	pool     *network.Pool
	stateDir string
	runner   *assembly.Runner
	unread   <-chan struct{} // closed when nobody reads the output any more
	stop     chan supervisor.StopRequest
	ended    chan error // of the runner
}

// serverURL is where the in-process server is: nowhere on the network.
const serverURL = "http://exec.invalid"

func newSession(dir string, o Options, print *printer) (*session, error) {
	s := &session{o: o, dir: dir, print: print, stop: make(chan supervisor.StopRequest, 3), ended: make(chan error, 1)}
	s.server = coordinator.New(coordinator.Options{
		URL: serverURL, KeepAll: true, MatrixRules: true, Capabilities: []string{sender.CapabilitySummary},
	})
	s.watcher = newWatcher(print, s.server)
	s.watcher.selective = len(o.Labels) > 0
	s.pool = network.NewPool(network.PoolOptions{
		MaxIdlePerHost: o.Concurrent, UserAgent: "multirunner/" + o.Version, Transport: s.server.Transport(),
	})
	var err error
	if s.stateDir, err = os.MkdirTemp("", "runner-exec-"); err == nil {
		s.shareCaches()
		s.runner, err = assembly.New(assembly.Options{
			Config: s.config(), StateDir: s.stateDir, Providers: o.Providers, Pool: s.pool, Workspace: s.workspace(),
			Version: o.Version, Registerer: prometheus.NewRegistry(), Log: o.Log, Stop: s.stop,
		})
	}
	if err != nil {
		return nil, errors.Join(err, s.cleanUp())
	}
	go func() { s.ended <- s.runner.Run(context.Background()) }()
	return s, nil
}

// workspace is what each job starts with.
func (s *session) workspace() common.Workspace {
	if s.o.InPlace {
		return common.Workspace{Mode: common.WorkspaceInPlace, Source: s.dir}
	}
	return common.Workspace{Mode: common.WorkspaceCopy, Source: s.dir}
}

// shareCaches makes the action store and the tool cache those of all runs:
// only they outlive this one. Where that cannot be, those of the state
// directory serve.
func (s *session) shareCaches() {
	cache := s.o.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(cache) {
		home, err := os.UserCacheDir()
		if err != nil {
			return
		}
		cache = home
	}
	for _, name := range []string{"actions", "tools"} {
		shared := filepath.Join(cache, "runner", name)
		err := os.MkdirAll(shared, 0o700)
		if err == nil {
			err = os.Symlink(shared, filepath.Join(s.stateDir, name))
		}
		if err != nil {
			s.o.Log.WithError(err).Warn("Nothing is kept for later runs, for want of a cache directory")
			return
		}
	}
}

// Reports go through memory, so that a person need not wait for them.
const (
	logInterval   = 100 * time.Millisecond
	logLatency    = 50 * time.Millisecond
	stateInterval = 200 * time.Millisecond
	pollInterval  = 50 * time.Millisecond
)

// config is what config.toml would say of the in-process server.
func (s *session) config() *common.Config {
	c := common.DefaultConfig()
	c.Concurrent = s.o.Concurrent
	if s.o.InPlace {
		c.Concurrent = 1
	}
	c.CheckInterval = common.Duration(pollInterval)
	c.Polling.IntervalMax = common.Duration(pollInterval)
	c.Polling.IdleRequestsPerSecond = 1000
	c.Polling.RequestsPerSecond = 1000
	c.Reporting.RequestsPerSecond = 1000
	c.Reporting.LogReportInterval = common.Duration(logInterval)
	c.Reporting.LogReportMaxLatency = common.Duration(logLatency)
	c.Reporting.StateReportInterval = common.Duration(stateInterval)
	// The server knows the labels from the start: a job that none of them
	// serves fails when it is planned.
	labels := labelNames(s.o.Labels)
	for i := range s.o.Registrations {
		row := s.server.AddRunner(coordinator.RunnerSpec{
			Name: fmt.Sprintf("local-%d", i+1), Labels: labels, AnyLabel: len(labels) == 0,
		})
		s.watcher.runners[row.UUID] = row.Name
		r := common.DefaultRunner()
		r.Name, r.URL, r.UUID, r.Token = row.Name, serverURL, row.UUID, common.NewSecret(row.Token)
		r.Labels = s.o.Labels
		// Whoever tries a workflow has built its images as like as not, or has got
		// them before.
		r.Docker.PullPolicy = common.PullPolicy{common.PullIfNotPresent}
		for key, value := range s.o.Env {
			r.Environment = append(r.Environment, key+"="+value)
		}
		slices.Sort(r.Environment)
		c.Runners = append(c.Runners, r)
	}
	return c
}

// labelNames gives the names that servers compare.
func labelNames(labels []string) []string {
	var names []string
	for _, text := range labels {
		if label, err := common.ParseLabel(text); err == nil {
			names = append(names, label.Name)
		}
	}
	return names
}

// run submits the workflows and shows what happens until they are finished.
func (s *session) run(ctx context.Context, files []file, event map[string]any) error {
	events := s.server.Events()
	defer events.Close()
	repo := describe(ctx, s.dir, s.o.Getenv)
	known := false
	var runs []int64
	for _, f := range files {
		request := s.submission(f, repo, event)
		if s.o.Job != "" {
			if f.workflow.Job(s.o.Job) == nil {
				continue
			}
			known = true
		}
		id, err := s.server.Submit(request)
		if err != nil {
			return err
		}
		s.watcher.workflows[id] = f.name
		runs = append(runs, id)
	}
	if s.o.Job != "" && !known {
		return fmt.Errorf("-j %s: no workflow has such a job", s.o.Job)
	}
	s.watcher.open = len(runs)
	return s.show(ctx, events, runs)
}

func (s *session) submission(f file, repo repository, event map[string]any) coordinator.Run {
	owner, name, _ := strings.Cut(repo.Name, "/")
	r := coordinator.Run{
		File: f.name, Workflow: f.data, Repo: coordinator.Scope{Owner: owner, Repo: name},
		Event: s.o.Event, Payload: repo.payload(s.o.Event, event, s.o.Inputs), Inputs: s.o.Inputs,
		Ref: repo.Ref, SHA: repo.Sha, Actor: repo.Actor, Secrets: s.o.Secrets, Vars: s.o.Vars,
		Called: func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(s.dir, filepath.FromSlash(path))) },
	}
	if s.o.Job != "" {
		r.Jobs = []string{s.o.Job}
	}
	return r
}

// show handles events until all runs are finished. The first interrupt cancels
// the runs, the second kills the jobs; so does an output that nobody reads.
func (s *session) show(ctx context.Context, events *coordinator.Subscription, runs []int64) error {
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		for {
			e, ok := events.Next(ctx)
			if !ok || s.watcher.handle(e) {
				return
			}
		}
	}()
	interrupts := 0
	for unread := s.unread; ; {
		select {
		case <-shown:
			return ctx.Err()
		case err := <-s.ended:
			s.ended <- err
			events.Close()
			<-shown
			if err == nil {
				err = errors.New("the runner ended before the jobs")
			}
			return s.unlessStopped(err)
		case <-s.o.Interrupts:
			interrupts++
			s.interrupt(interrupts, runs)
		case <-unread:
			unread = nil
			fmt.Fprintln(s.o.Stderr, "runner: nobody reads the output any more, killing the jobs")
			s.request(supervisor.StopKillJobs)
		}
	}
}

func (s *session) interrupt(n int, runs []int64) {
	if n > 1 {
		if n == 2 {
			fmt.Fprintln(s.o.Stderr, "runner: killing the jobs")
		}
		s.request(supervisor.StopKillJobs)
		return
	}
	fmt.Fprintln(s.o.Stderr, "runner: cancelling, always() and post steps still run; interrupt again to kill")
	for _, id := range runs {
		if err := s.server.CancelRun(id); err != nil {
			s.o.Log.WithError(err).Warn("Run not cancelled")
		}
	}
}

// request asks the runner to end. One that was asked so often that it has not
// heard it all yet needs no further word.
func (s *session) request(stop supervisor.StopRequest) {
	select {
	case s.stop <- stop:
	default:
	}
}

// unlessStopped drops the errors that say no more than that the runner was
// stopped, as it was told to be.
func (s *session) unlessStopped(err error) error {
	if errors.Is(err, supervisor.ErrKilled) || errors.Is(err, assembly.ErrUnsent) {
		return nil
	}
	return err
}

// close ends the runner and removes what it made. Jobs that still run are
// killed when they are not wanted, or when an interrupt comes.
func (s *session) close(unwanted bool) error {
	if unwanted {
		s.request(supervisor.StopKillJobs)
	}
	s.request(supervisor.StopDrain)
	for {
		select {
		case err := <-s.ended:
			return errors.Join(s.unlessStopped(err), s.cleanUp())
		case <-s.o.Interrupts:
			s.request(supervisor.StopKillJobs)
		}
	}
}

func (s *session) cleanUp() error {
	s.server.Close()
	s.pool.Close()
	if s.stateDir == "" {
		return nil
	}
	return rmtree.Remove(s.stateDir)
}
