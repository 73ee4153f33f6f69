package coordinator

import (
	"context"
	"errors"
	"slices"
	"time"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

const headerRequestKey = "x-runner-request-key"

type requestKey struct {
	runner int64
	key    string
}

// FetchTask gives at most one task. It answers at once, unless a fault holds
// it.
func (v service) FetchTask(ctx context.Context, req *connect.Request[runnerv1.FetchTaskRequest]) (*connect.Response[runnerv1.FetchTaskResponse], error) {
	fault := faultOf(ctx)
	if fault.Throttle {
		// All pick slots are taken: the request's version comes back, and the
		// runner asks again.
		return connect.NewResponse(&runnerv1.FetchTaskResponse{TasksVersion: req.Msg.GetTasksVersion()}), nil
	}
	key := req.Header().Get(headerRequestKey)
	if !v.s.options.Forgejo {
		key = ""
	}
	unlock, err := v.s.lockKey(ctx, key)
	if err != nil {
		return nil, err
	}
	defer unlock()

	hold := newHold(ctx, fault.Hold)
	defer hold.stop()
	for {
		res, wake, err := v.s.fetch(ctx, req.Msg.GetTasksVersion(), key)
		if err != nil {
			return nil, err
		}
		if res.Task != nil {
			v.s.pause(ctx, fault.DelayClaim)
			if err := v.s.confirm(ctx, res.GetTask().GetId(), key); err != nil {
				return nil, err
			}
			return connect.NewResponse(res), nil
		}
		if !hold.wait(ctx, wake, v.s.closing) {
			return connect.NewResponse(res), nil
		}
	}
}

// fetch looks once. wake is closed when there may be something new.
func (s *Server) fetch(ctx context.Context, version int64, key string) (*runnerv1.FetchTaskResponse, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	runner, err := s.caller(ctx)
	if err != nil {
		return nil, nil, err
	}
	if task, ok := s.recovered(runner, key); ok {
		return &runnerv1.FetchTaskResponse{Task: task}, s.wake, nil
	}
	current := s.versionOf(runner.scope)
	empty := &runnerv1.FetchTaskResponse{TasksVersion: current}
	if version == current || runner.disabled {
		return empty, s.wake, nil
	}
	if runner.ephemeral && runner.claimed > 0 {
		if len(runner.tasks) > 0 {
			return empty, s.wake, nil
		}
		s.deleteRunner(runner)
		return nil, nil, wrapped("Internal", "pick task: runner has been removed")
	}
	job := s.pick(runner)
	if job == nil {
		return empty, s.wake, nil
	}
	task := s.claim(job, runner)
	return &runnerv1.FetchTaskResponse{Task: s.message(task), TasksVersion: current}, s.wake, nil
}

// confirm lets a claim stand, unless its poll has gone meanwhile: then the job
// waits again.
func (s *Server) confirm(ctx context.Context, taskID int64, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	task := s.tasks[taskID]
	if task.confirmed {
		return nil // told again under its request key
	}
	if ctx.Err() != nil && task.status == StatusRunning && !s.options.Legacy.NoRelease {
		s.release(task)
		return ctx.Err()
	}
	task.confirmed = true
	if key != "" {
		s.keys[requestKey{task.runnerID, key}] = task.id
	}
	s.publish(Event{Kind: JobPicked, Job: task.job.info(), Task: task.info()})
	s.markRunning(task.job.run)
	return nil
}

// pick finds the oldest waiting job that the runner can take.
func (s *Server) pick(runner *runnerRow) *jobRow {
	for _, job := range s.waiting {
		if runner.scope.covers(job.run.repo) && runner.matches(job.labels) {
			return job
		}
	}
	return nil
}

func (s *Server) claim(job *jobRow, runner *runnerRow) *taskRow {
	now := s.now()
	task := &taskRow{
		id:         s.nextID("task"),
		job:        job,
		runnerID:   runner.id,
		runnerUUID: runner.uuid,
		status:     StatusRunning,
		started:    now,
		updated:    now,
		steps:      make([]stepRow, len(job.steps)),
		outputs:    make(map[string]string),
		token:      randomHex(40),
	}
	for i, step := range job.steps {
		task.steps[i] = stepRow{name: step.display(), status: StatusWaiting}
	}
	s.tasks[task.id] = task
	runner.tasks = append(runner.tasks, task.id)
	runner.claimed++
	s.unqueue(job)
	job.status, job.task, job.updated = StatusRunning, task, now
	return task
}

// release undoes a claim whose poll is gone before the answer was written.
func (s *Server) release(task *taskRow) {
	delete(s.tasks, task.id)
	if runner := s.runners[task.runnerID]; runner != nil {
		runner.tasks = slices.DeleteFunc(runner.tasks, func(id int64) bool { return id == task.id })
		runner.claimed--
	}
	s.requeue(task.job)
	s.bump(task.job.run.repo)
}

// lockKey lets one request of a key through at a time.
func (s *Server) lockKey(ctx context.Context, key string) (unlock func(), err error) {
	if key == "" {
		return func() {}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	runner, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	k := requestKey{runner.id, key}
	if s.polling[k] {
		return nil, connect.NewError(connect.CodeInternal, errors.New("request key is locked; retry soon"))
	}
	s.polling[k] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.polling, k)
	}, nil
}

// recovered gives the task that was assigned under a key, with a new token:
// tokens are stored hashed and cannot be told again.
func (s *Server) recovered(runner *runnerRow, key string) (*runnerv1.Task, bool) {
	if key == "" {
		return nil, false
	}
	task := s.tasks[s.keys[requestKey{runner.id, key}]]
	if task == nil {
		return nil, false
	}
	task.token = randomHex(40)
	return s.message(task), true
}

// hold is the time for which a poll without work is kept open.
type hold struct {
	timer *time.Timer
}

// newHold holds for d, and ends a little before the caller's deadline.
func newHold(ctx context.Context, d time.Duration) *hold {
	if d <= 0 {
		return &hold{}
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		d = min(d, left-min(left/20, 250*time.Millisecond))
	}
	return &hold{timer: time.NewTimer(d)}
}

// wait tells whether to look again.
func (h *hold) wait(ctx context.Context, wake, closing <-chan struct{}) bool {
	if h.timer == nil {
		return false
	}
	select {
	case <-wake:
		return true
	case <-h.timer.C:
	case <-ctx.Done():
	case <-closing:
	}
	h.timer.Stop()
	h.timer = nil
	return false
}

func (h *hold) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
}
