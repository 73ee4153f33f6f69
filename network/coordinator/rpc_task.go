package coordinator

import (
	"context"
	"maps"
	"slices"
	"time"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	maxOutputKey   = 255
	maxOutputValue = 1 << 20
	// cancelling is the one capability that a server knows of a runner.
	cancelling = "cancelling"
)

// UpdateTask takes the state of a task and its outputs.
func (v service) UpdateTask(ctx context.Context, req *connect.Request[runnerv1.UpdateTaskRequest]) (*connect.Response[runnerv1.UpdateTaskResponse], error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	runner, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	runner.lastActive = s.now()
	state := req.Msg.GetState()
	task := s.tasks[state.GetId()]
	if task == nil {
		return nil, wrapped("Internal", "update task: resource does not exist")
	}
	if task.runnerID != runner.id {
		return nil, wrapped("Internal", "update task: invalid runner for task")
	}
	task.addOutputs(req.Msg.GetOutputs())
	if task.live() {
		s.updateTask(task, state)
	}
	return connect.NewResponse(&runnerv1.UpdateTaskResponse{
		State:       &runnerv1.TaskState{Id: task.id, Result: s.answer(task)},
		SentOutputs: slices.Sorted(maps.Keys(task.outputs)),
	}), nil
}

// answer is the result that a runner is told: other than UNSPECIFIED means
// stop.
func (s *Server) answer(task *taskRow) runnerv1.Result {
	if task.status == StatusCancelling {
		return runnerv1.Result_RESULT_CANCELLED
	}
	return task.status.Result()
}

// addOutputs keeps the first value of a name, and silently none that is too
// large. Outputs are taken also after the end.
func (t *taskRow) addOutputs(outputs map[string]string) {
	for key, value := range outputs {
		if len(key) > maxOutputKey || len(value) > maxOutputValue {
			continue
		}
		if _, ok := t.outputs[key]; !ok {
			t.outputs[key] = value
		}
	}
}

// updateTask applies a state to a task that is not final.
func (s *Server) updateTask(task *taskRow, state *runnerv1.TaskState) {
	task.updated = s.now()
	before := slices.Clone(task.steps)
	task.setSteps(state.GetSteps())
	if result := statusOf(state.GetResult()); result != StatusUnknown {
		if task.status == StatusCancelling {
			result = StatusCancelled // whatever the runner says
		}
		s.finishTask(task, result, seconds(state.GetStoppedAt()))
		return
	}
	if !slices.Equal(before, task.steps) {
		s.publish(Event{Kind: StateChanged, Job: task.job.info(), Task: task.info()})
	}
}

// setSteps overwrites the steps that are listed. One that is not listed but
// has started falls back to running, as it has no result in this request.
func (t *taskRow) setSteps(states []*runnerv1.StepState) {
	listed := make(map[int64]*runnerv1.StepState, len(states))
	for _, state := range states {
		listed[state.GetId()] = state
	}
	for i := range t.steps {
		step := &t.steps[i]
		result := StatusUnknown
		if state := listed[int64(i)]; state != nil {
			result = statusOf(state.GetResult())
			step.started = seconds(state.GetStartedAt())
			step.stopped = seconds(state.GetStoppedAt())
			step.logIndex = state.GetLogIndex()
			step.logLength = state.GetLogLength()
		}
		switch {
		case result != StatusUnknown:
			step.status = result
		case !step.started.IsZero():
			step.status = StatusRunning
		default:
			step.status = StatusWaiting
		}
	}
}

// seconds is a time as the server keeps it, the zero time for none.
func seconds(at *timestamppb.Timestamp) time.Time {
	if at == nil || at.GetSeconds() == 0 && at.GetNanos() == 0 {
		return time.Time{}
	}
	return at.AsTime().Truncate(time.Second)
}

// finishTask ends a task, and its job with it.
func (s *Server) finishTask(task *taskRow, status Status, stopped time.Time) {
	if stopped.IsZero() {
		stopped = time.Unix(0, 0).UTC() // what a missing time becomes
	}
	task.status, task.stopped, task.updated = status, stopped, s.now()
	if runner := s.runners[task.runnerID]; runner != nil {
		runner.tasks = slices.DeleteFunc(runner.tasks, func(id int64) bool { return id == task.id })
		if runner.ephemeral {
			s.deleteRunner(runner)
		}
	}
	s.publish(Event{Kind: StateChanged, Job: task.job.info(), Task: task.info()})
	s.finishJob(task.job, status, "")
	for _, job := range s.waiting {
		if job.run.repo == task.job.run.repo {
			s.bump(job.run.repo)
			break
		}
	}
}

// closeSteps gives the steps that are not done a status.
func (t *taskRow) closeSteps(status Status, now time.Time) {
	for i := range t.steps {
		step := &t.steps[i]
		if step.status.Done() {
			continue
		}
		step.status = status
		if !step.started.IsZero() && step.stopped.IsZero() {
			step.stopped = now.Truncate(time.Second)
		}
	}
}
