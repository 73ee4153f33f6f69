package coordinator

import "multirunner/workflow/model"

// group is a job of a workflow with all that its matrix makes of it.
type group struct {
	job         *model.Job
	plan        *plan
	caller      *jobRow // that calls its workflow, nil in the run's own
	needs       []*group
	jobs        []*jobRow
	expanded    bool // jobs are known
	failFast    bool
	maxParallel int // 0: no limit
}

func (g *group) done() bool {
	if !g.expanded {
		return false
	}
	for _, job := range g.jobs {
		if !job.status.Done() {
			return false
		}
	}
	return true
}

// result is what the jobs of a group come to for those that need it. A failure
// with continue-on-error counts as success.
func result(jobs []*jobRow) Status {
	counts := make(map[Status]int)
	for _, job := range jobs {
		status := job.status
		if status == StatusFailure && job.continueOnError {
			status = StatusSuccess
		}
		counts[status]++
	}
	switch {
	case counts[StatusFailure] > 0:
		return StatusFailure
	case counts[StatusCancelled] > 0:
		return StatusCancelled
	case counts[StatusSkipped] == len(jobs) && len(jobs) > 0:
		return StatusSkipped
	}
	return StatusSuccess
}

// outputs are those of all jobs of a group. Of a matrix the last job wins that
// has something.
func (g *group) outputs() map[string]string {
	merged := make(map[string]string)
	for _, job := range g.jobs {
		for key, value := range job.outputs() {
			if value != "" || merged[key] == "" {
				merged[key] = value
			}
		}
	}
	return merged
}

func (j *jobRow) outputs() map[string]string {
	switch {
	case j.call != nil:
		return j.call.outputs
	case j.task != nil:
		return j.task.outputs
	}
	return nil
}

// finishJob ends a job, and moves on what waited for it.
func (s *Server) finishJob(job *jobRow, status Status, message string) {
	job.status, job.updated, job.message = status, s.now(), message
	kind := JobFinished
	if status == StatusSkipped && job.task == nil {
		kind = JobSkipped
	}
	event := Event{Kind: kind, Job: job.info()}
	if job.task != nil {
		event.Task = job.task.info()
	}
	s.publish(event)
	g := job.group
	if g != nil && g.failFast && s.options.MatrixRules && status == StatusFailure && !job.continueOnError {
		for _, other := range g.jobs {
			s.cancelJob(other, "cancelled because another job of its matrix failed")
		}
	}
	s.advance(job.run)
}

func (s *Server) markRunning(run *runRow) {
	if run.status == StatusWaiting {
		run.status = StatusRunning
	}
}

// advance starts what can start, and ends a run of which nothing is left.
// Ending a job advances its run, so it may be called from within itself: then
// the outer call goes round once more.
func (s *Server) advance(run *runRow) {
	run.again = true
	if run.advancing {
		return
	}
	run.advancing = true
	defer func() { run.advancing = false }()
	queued := false
	for run.again {
		run.again = false
		for _, g := range run.groups {
			queued = s.advanceGroup(run, g) || queued
		}
	}
	if queued {
		s.bump(run.repo)
	}
	s.finishRun(run)
}

// advanceGroup tells whether a job waits for a runner now.
func (s *Server) advanceGroup(run *runRow, g *group) (queued bool) {
	if !g.expanded {
		for _, need := range g.needs {
			if !need.done() {
				return false
			}
		}
		g.expanded = true
		s.expand(run, g)
	}
	active := 0
	for _, job := range g.jobs {
		if job.call != nil && !job.status.Done() && job.call.done() {
			s.endCall(job)
		}
		switch job.status {
		case StatusWaiting, StatusRunning, StatusCancelling:
			active++
		}
	}
	for _, job := range g.jobs {
		if g.maxParallel > 0 && active >= g.maxParallel && s.options.MatrixRules {
			break
		}
		if job.status != StatusBlocked {
			continue
		}
		active++
		if job.call != nil {
			s.startCall(run, job)
			continue
		}
		s.requeue(job)
		queued = true
	}
	return queued
}

func (s *Server) finishRun(run *runRow) {
	if run.status.Done() {
		return
	}
	for _, job := range run.jobs {
		if !job.status.Done() {
			return
		}
	}
	for _, g := range run.groups {
		if !g.expanded {
			return
		}
	}
	run.status = result(run.jobs)
	s.publish(Event{Kind: RunFinished, RunID: run.id, Name: run.title, Status: run.status})
	close(run.done)
}
