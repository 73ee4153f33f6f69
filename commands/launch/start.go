package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/commands/job"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/network/sender"
	"multirunner/network/spool"
	"multirunner/workflow/model"
)

// specPatience is how long a new job process may take to read its JobSpec.
const specPatience = 30 * time.Second

// outputName is the file of a job process's own output.
const outputName = "out.log"

// Start implements supervisor.Starter.
func (l *Launcher) Start(_ context.Context, req supervisor.StartRequest) (supervisor.Build, error) {
	b, ok := req.Claim.(*build)
	if !ok {
		return nil, fmt.Errorf("task %d: not a claim of this launcher: %T", req.Task.GetId(), req.Claim)
	}
	spec, err := l.spec(b, req)
	if err != nil {
		return nil, err
	}
	b.timeout = spec.JobTimeout.Std()
	session, err := b.spawn(req)
	if err != nil {
		return nil, fmt.Errorf("job process: %w", err)
	}
	b.log.WithField("pid", session.PID()).Info("Job process started")
	l.noteSession(session)
	b.l.builds.Go(func() {
		b.hand(session, spec)
		if b.follow(session.Done(), session.Kill) {
			l.forgetSession(session)
			b.buried(session, req.Task)
		}
	})
	return b, nil
}

// spec is everything that the job process needs.
func (l *Launcher) spec(b *build, req supervisor.StartRequest) (*common.JobSpec, error) {
	task, err := proto.Marshal(req.Task)
	if err != nil {
		return nil, fmt.Errorf("task %d: %w", req.Task.GetId(), err)
	}
	runner, actions := req.Runner, l.o.Actions()
	dirs := b.dirs
	if actions.ToolCache != "" {
		dirs.Tools = actions.ToolCache
	}
	return &common.JobSpec{
		V:             common.JobSpecVersion,
		Task:          task,
		URL:           runner.URL,
		Registration:  runner.Name,
		UUID:          runner.UUID,
		RunnerVersion: l.o.Version,
		TrackingID:    "runner_" + uuid.NewString(),
		Instance:      l.instance,
		Label:         req.Choice.Label.Name,
		Labels:        runner.Labels,
		Executor:      req.Choice.Executor,
		LabelArg:      req.Choice.Label.Arg,
		Shell:         runner.Shell,
		Docker:        runner.Docker,
		Registries:    registries(runner.Docker.Registries),
		Environment:   runner.Environment,
		Hooks:         runner.Hooks,
		JobTimeout:    runner.JobTimeout,
		OutputLimit:   runner.OutputLimit,
		SpoolMaxBytes: l.o.Reporting().SpoolMaxBytes,
		TLSCAFile:     runner.TLSCAFile,

		InsecureSkipVerify: runner.InsecureSkipVerify,
		ActionsMaxBytes:    actions.MaxBytes,
		ActionsOffline:     actions.Offline,

		Capabilities: req.Capabilities,
		Dirs:         dirs,
		Workspace:    l.o.Workspace,
	}, nil
}

// registries gives the credentials in the form that travels.
func registries(configured []common.RegistryConfig) []common.JobRegistry {
	var all []common.JobRegistry
	for _, r := range configured {
		all = append(all, common.JobRegistry{Server: r.Server, Username: r.Username, Password: r.Password.Reveal()})
	}
	return all
}

// spawn starts the job process with the lock of its directory.
func (b *build) spawn(req supervisor.StartRequest) (*process.Session, error) {
	out, err := os.OpenFile(filepath.Join(b.dirs.Job, outputName), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	options := process.SessionOptions{
		Path:   b.l.o.Program,
		Name:   "runner",
		Args:   b.l.o.Args,
		Env:    b.l.processEnvironment(os.Environ(), req.Choice.Executor, req.Runner),
		Dir:    b.dirs.Job,
		Output: out,
	}
	if job.InheritsLock {
		options.ExtraFiles = []*os.File{b.claim.Lock().File()}
	}
	session, err := process.StartSession(options)
	if err != nil {
		return nil, err
	}
	if job.InheritsLock {
		if err := b.claim.HandOver(); err != nil {
			b.log.WithError(err).Warn("Lock of the job not handed over")
		}
	}
	return session, nil
}

// hand writes the spec to the job process. One that does not get it whole
// ends, and its task is closed.
func (b *build) hand(session *process.Session, spec *common.JobSpec) {
	if err := session.Stdin.SetWriteDeadline(time.Now().Add(specPatience)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		b.log.WithError(err).Warn("No deadline for handing the job over")
	}
	if err := errors.Join(job.WriteSpec(session.Stdin, spec), session.Stdin.Close()); err != nil {
		b.log.WithError(err).Error("The job could not be handed to its process")
		session.Kill()
	}
}

// buried closes the job of a process that has ended.
func (b *build) buried(session *process.Session, task *runnerv1.Task) {
	status := session.Status()
	how := fmt.Sprintf("exit code %d", status.Code)
	if status.Signal != "" {
		how = "signal: " + status.Signal
	}
	if job.InheritsLock {
		if err := b.l.o.State.Retake(b.claim); err != nil {
			// Something of the job has the lock's file open. It cannot write to
			// the spool, which only the job process knew.
			b.log.WithError(err).Warn("Lock of the job not free after its process ended")
		}
	}
	b.conclude(closing(task, "job process ended without a result ("+how+")",
		"##[error]The job's process ended without a result ("+how+"). The job is closed as failed; what it left running is ended."))
	b.log.WithField("result", supervisor.ResultName(b.result)).Info("Job process ended")
}

// unknownSteps is how many steps are closed of a task that is not known any
// more. The server has no use for those that the task does not have, and shows
// those that it is not told of as waiting for ever.
const unknownSteps = 256

// closing is what is told of a job whose process left no end. task is nil when
// it is not known any more.
func closing(task *runnerv1.Task, reason string, rows ...string) spool.Closing {
	c := spool.Closing{At: time.Now(), Rows: rows, Result: runnerv1.Result_RESULT_FAILURE, Reason: reason}
	if task == nil {
		c.Steps = unknownSteps
		return c
	}
	if workflow, err := model.Parse("payload", task.GetWorkflowPayload()); err == nil && len(workflow.Jobs) == 1 {
		c.Steps = len(workflow.Jobs[0].Steps)
	}
	return c
}

func skippedSteps(n int) []*runnerv1.StepState {
	steps := make([]*runnerv1.StepState, n)
	for i := range steps {
		steps[i] = &runnerv1.StepState{Id: int64(i), Result: runnerv1.Result_RESULT_SKIPPED}
	}
	return steps
}

// FailClaim implements supervisor.Starter.
func (l *Launcher) FailClaim(_ context.Context, req supervisor.StartRequest, row string) error {
	c := closing(req.Task, row, "##[error]"+row)
	if b, ok := req.Claim.(*build); ok {
		b.conclude(c)
		return nil
	}
	return l.failInMemory(req, c)
}

// failInMemory reports a task that could not even be claimed on disk: it is
// lost should this process end before the server has it.
func (l *Launcher) failInMemory(req supervisor.StartRequest, c spool.Closing) error {
	var err error
	memory := spool.NewMemory(spool.Options{})
	for _, row := range c.Rows {
		err = errors.Join(err, memory.Row(c.At, row))
	}
	err = errors.Join(err, memory.End(&runnerv1.TaskState{
		Id: req.Task.GetId(), Result: c.Result, StoppedAt: timestamppb.New(c.At), Steps: skippedSteps(c.Steps),
	}, c.Reason))
	if err != nil {
		return errors.Join(err, memory.Close())
	}
	l.spend(req.Runner)
	speaker := l.speak(req.Runner)
	handle := l.o.Sender.Add(sender.Job{
		Key: fmt.Sprintf("memory-%d", req.Task.GetId()), TaskID: req.Task.GetId(), Client: speaker, Source: memory,
		Budget: l.budget(req.Runner), Ephemeral: req.Runner.Ephemeral, Failed: l.failed(req.Runner.Name),
	})
	l.memory.Add(1)
	l.builds.Go(func() {
		defer l.memory.Add(-1)
		defer memory.Close()
		defer speaker.end()
		select {
		case <-handle.Done():
			l.dropped(handle.Dropped())
			l.retire(req.Runner)
		case <-l.leaving:
		}
	})
	return nil
}
