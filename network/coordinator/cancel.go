package coordinator

import (
	"fmt"
	"time"
)

// Cancel cancels one task as a user does. A runner that declared "cancelling"
// is told, and ends the task itself; for any other the task is over at once.
func (s *Server) Cancel(taskID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	task := s.tasks[taskID]
	if task == nil {
		return fmt.Errorf("no task %d", taskID)
	}
	s.cancelTask(task)
	return nil
}

// CancelRun cancels what is not done of a run.
func (s *Server) CancelRun(runID int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.runs[runID]
	if run == nil {
		return fmt.Errorf("no run %d", runID)
	}
	run.cancel = true
	for _, job := range run.jobs {
		s.cancelJob(job, "cancelled before a runner took it")
	}
	s.advance(run)
	return nil
}

// FailJob ends a job that waits for a runner, with a reason for people.
func (s *Server) FailJob(jobID int64, message string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.jobs[jobID]
	if job == nil {
		return fmt.Errorf("no job %d", jobID)
	}
	if job.status != StatusWaiting {
		return fmt.Errorf("job %d is %s, not waiting", jobID, job.status)
	}
	s.unqueue(job)
	s.finishJob(job, StatusFailure, message)
	return nil
}

// cancelJob cancels a job; message is for one that has no runner yet.
func (s *Server) cancelJob(job *jobRow, message string) {
	switch job.status {
	case StatusWaiting, StatusBlocked:
		s.unqueue(job)
		s.finishJob(job, StatusCancelled, message)
	case StatusRunning, StatusCancelling:
		if job.call != nil {
			s.cancelCall(job, message)
			return
		}
		s.cancelTask(job.task)
	}
}

func (s *Server) cancelTask(task *taskRow) {
	if task.status == StatusCancelling && s.runners[task.runnerID] == nil {
		s.endCancelled(task) // nobody is left who could end it
		return
	}
	if task.status != StatusRunning {
		return
	}
	runner := s.runners[task.runnerID]
	if runner == nil || s.options.Forgejo || !runner.can(cancelling) {
		s.endCancelled(task)
		return
	}
	task.status, task.job.status = StatusCancelling, StatusCancelling
	s.publish(Event{Kind: StateChanged, Job: task.job.info(), Task: task.info()})
}

func (s *Server) endCancelled(task *taskRow) {
	now := s.now()
	task.closeSteps(StatusCancelled, now)
	s.finishTask(task, StatusCancelled, now.Truncate(time.Second))
}
