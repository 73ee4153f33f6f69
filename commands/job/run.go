// Package job is `runner job`: one job in a process of its own. It is started
// by a supervisor, gets a JobSpec on standard input, runs it with the engine,
// and writes everything that the server is to know to a spool. It never speaks
// to the server, and it lives on when the supervisor does not.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/mask"
	"multirunner/helpers/process"
	"multirunner/network/jobsock"
	"multirunner/network/spool"
	"multirunner/workflow/engine"
)

// InheritsLock tells whether a job process is given the lock of its directory
// as its first extra file. Where that cannot be (Windows) the supervisor keeps
// the lock, and jobs end with it.
const InheritsLock = runtime.GOOS != "windows"

// familyPatience bounds the end of what a job left running.
const familyPatience = 30 * time.Second

// SocketName is the job's socket in its directory.
const SocketName = "job.sock"

// Options are what a job process needs.
type Options struct {
	Stdin  io.Reader // the JobSpec, see WriteSpec
	Output io.Writer // out.log
	// Executors makes the executors whose commands the family starts.
	Executors func(family *process.Family, log logrus.FieldLogger) common.Providers
	// Signals tells of SIGTERM, which means shutdown.
	Signals <-chan os.Signal
}

// Run runs one job to its end. An error means that the spool has no end: the
// supervisor closes the task.
func Run(ctx context.Context, o Options) error {
	log := newLog(o.Output)
	if err := process.HideMemory(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		log.WithError(err).Warn("Other processes of this user can read this process's memory")
	}
	if InheritsLock {
		lock, err := process.InheritedFile(0, "lock")
		if err != nil {
			return fmt.Errorf("no lock of a job directory: this verb is for supervisors: %w", err)
		}
		defer lock.Close() // held as long as this process lives
	}
	spec, err := ReadSpec(o.Stdin)
	if err != nil {
		return err
	}
	log.WithFields(logrus.Fields{"runner": spec.Registration, "url": spec.URL}).Info("Job process started")
	r := &run{spec: spec, log: log}
	if err := r.begin(); err != nil {
		log.WithError(err).Error("Job not started")
		return err
	}
	defer r.close()
	if err := r.work(ctx, o); err != nil {
		log.WithError(err).Error("Job not ended")
		return err
	}
	return nil
}

// run is a job process's state.
type run struct {
	spec *common.JobSpec
	task *runnerv1.Task
	log  *logrus.Logger

	// job is set once there is one; a supervisor may connect earlier.
	job     atomic.Pointer[engine.Job]
	pending atomic.Pointer[common.StopReason] // of a stop that came before
	socket  *jobsock.Server
	trace   *spool.Writer
	family  *process.Family
}

// begin makes everything that the supervisor sees of this process, job.json
// first.
func (r *run) begin() error {
	var err error
	if r.task, err = r.spec.DecodeTask(); err != nil {
		return fmt.Errorf("task: %w", err)
	}
	resolveDirs(&r.spec.Dirs)
	dir := r.spec.Dirs.Job
	if r.socket, err = jobsock.Listen(filepath.Join(dir, SocketName), r); err != nil {
		return fmt.Errorf("job socket: %w", err)
	}
	info, err := newInfo(r.spec, r.socket.Path())
	if err == nil {
		info.Cgroup = r.gather()
		err = info.store(dir)
	}
	if err == nil {
		r.trace, err = spool.Create(dir, spool.Options{MaxBytes: int64(r.spec.SpoolMaxBytes), Notify: r.socket.Wake})
	}
	if err != nil {
		r.close()
	}
	return err
}

// gather makes sure that nothing of the job gets away: orphans come back to
// this process, and all are in one cgroup where that is possible. It gives the
// cgroup's directory, "" without one.
func (r *run) gather() string {
	r.family = process.NewFamily()
	if err := r.family.BecomeSubreaper(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		r.log.WithError(err).Warn("Processes that leave their session are found by the tracking id only")
	}
	cgroup, err := r.family.UseCgroup("runner-" + filepath.Base(r.spec.Dirs.Job))
	if err != nil {
		r.log.WithError(err).Debug("No cgroup for the job")
	}
	return cgroup
}

func (r *run) work(ctx context.Context, o Options) error {
	executor, err := r.executor(o)
	if err != nil {
		return errors.Join(err, r.trace.Row(time.Now(), "##[error]"+err.Error()))
	}
	actions := newActionSource(r.spec, r.task, r.log)
	defer actions.close()
	job := engine.New(engine.Options{
		Spec: r.spec, Task: r.task, Executor: executor, Trace: r.trace, Masker: mask.New(), Log: r.log, Actions: actions,
	})
	r.job.Store(job)
	if reason := r.pending.Load(); reason != nil {
		job.Stop(*reason)
	}
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for {
			select {
			case <-o.Signals:
				job.Stop(common.StopShutdown)
			case <-done:
				return
			}
		}
	}()
	result := job.Run(ctx)
	close(done)
	<-finished
	r.log.WithField("result", result).Info("Job ended")
	return r.flush()
}

func (r *run) executor(o Options) (common.Executor, error) {
	provider, ok := o.Executors(r.family, r.log)[r.spec.Executor]
	if !ok {
		return nil, fmt.Errorf("no executor %q in this runner", r.spec.Executor)
	}
	executor, err := provider.Create(r.spec)
	if err != nil {
		return nil, fmt.Errorf("executor %s: %w", r.spec.Executor, err)
	}
	return executor, nil
}

// flushPatience is how long the end of a job waits for room on a full disk.
// After that the supervisor closes the task as well as it can.
const flushPatience = 10 * time.Minute

// flush makes the end durable. On a full disk it waits for room: the job's
// result is in memory only.
func (r *run) flush() error {
	deadline := time.Now().Add(flushPatience)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := r.trace.Flush()
		if err == nil || errors.Is(err, spool.ErrEnded) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the end could not be written: %w", err)
		}
		r.log.WithError(err).Warn("The end cannot be written yet")
		time.Sleep(pause)
	}
}

func (r *run) close() {
	r.socket.Close()
	if r.family != nil {
		ctx, cancel := context.WithTimeout(context.Background(), familyPatience)
		defer cancel()
		if err := r.family.Close(ctx); err != nil {
			r.log.WithError(err).Error("Processes of the job are left")
		}
	}
	if r.trace == nil {
		return
	}
	if err := r.trace.Close(); err != nil && !errors.Is(err, spool.ErrEnded) {
		r.log.WithError(err).Error("Spool not closed")
	}
}

// Cancel implements jobsock.Handler.
func (r *run) Cancel(reason common.StopReason) {
	r.pending.Store(&reason)
	if job := r.job.Load(); job != nil {
		job.Stop(reason)
	}
}

// Status implements jobsock.Handler.
func (r *run) Status() jobsock.Status {
	status := jobsock.Status{Pid: os.Getpid(), Step: -1, Phase: string(engine.PhaseSetUp)}
	context := r.task.GetContext().GetFields()
	status.Repository, status.Job = context["repository"].GetStringValue(), context["job"].GetStringValue()
	job := r.job.Load()
	if job == nil {
		return status
	}
	s := job.Snapshot()
	status.Phase, status.Name, status.Started, status.Rows = string(s.Phase), s.StepName, s.Started, s.Rows
	status.Step = s.Step - 1
	status.Stop = common.StopReason(s.Stopping)
	return status
}

// Token implements jobsock.Handler.
func (r *run) Token() jobsock.Runtime { return RuntimeOf(r.task) }
