package coordinator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Task gives a task.
func (s *Server) Task(id int64) (TaskInfo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	task := s.tasks[id]
	if task == nil {
		return TaskInfo{}, false
	}
	return task.info(), true
}

// Tasks gives all tasks, oldest first.
func (s *Server) Tasks() []TaskInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]TaskInfo, 0, len(s.tasks))
	for _, task := range s.tasks {
		infos = append(infos, task.info())
	}
	slices.SortFunc(infos, func(a, b TaskInfo) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

// Job gives a job.
func (s *Server) Job(id int64) (JobInfo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.jobs[id]
	if job == nil {
		return JobInfo{}, false
	}
	return job.info(), true
}

// Run gives a run.
func (s *Server) Run(id int64) (RunInfo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.runs[id]
	if run == nil {
		return RunInfo{}, false
	}
	return run.info(), true
}

// Log gives the rows of a task that are stored.
func (s *Server) Log(taskID int64) []LogLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if task := s.tasks[taskID]; task != nil {
		return slices.Clone(task.log)
	}
	return nil
}

// Wait waits until all jobs of a run are done.
func (s *Server) Wait(ctx context.Context, runID int64) (RunInfo, error) {
	s.mu.Lock()
	run := s.runs[runID]
	s.mu.Unlock()
	if run == nil {
		return RunInfo{}, fmt.Errorf("no run %d", runID)
	}
	select {
	case <-run.done:
	case <-ctx.Done():
		return RunInfo{}, context.Cause(ctx)
	}
	info, _ := s.Run(runID)
	return info, nil
}

// Unmatched gives the waiting jobs that no registered and enabled runner can
// take, because of its labels or its scope.
func (s *Server) Unmatched() []JobInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []JobInfo
	for _, job := range s.waiting {
		if !s.anyRunnerFor(job) {
			infos = append(infos, job.info())
		}
	}
	return infos
}

func (s *Server) anyRunnerFor(job *jobRow) bool {
	for _, runner := range s.runners {
		if !runner.disabled && runner.scope.covers(job.run.repo) && runner.matches(job.labels) {
			return true
		}
	}
	return false
}
