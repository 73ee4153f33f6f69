package coordinator

import "slices"

// ViewStep is a step as the web interface shows it.
type ViewStep struct {
	Name   string
	Status Status
	Rows   []LogLine
}

// View gives the steps of a task with their rows: "Set up job", the payload's
// steps, "Complete job". It maps rows as the web interface does, also where
// that hides or misplaces them.
func (s *Server) View(taskID int64) []ViewStep {
	s.mu.Lock()
	defer s.mu.Unlock()
	task := s.tasks[taskID]
	if task == nil {
		return nil
	}
	rows := int64(len(task.log))
	setUp := task.setUpLength()
	view := []ViewStep{{Name: "Set up job", Status: task.setUpStatus(), Rows: task.rows(0, setUp)}}
	next := setUp
	for _, step := range task.steps {
		view = append(view, ViewStep{Name: step.name, Status: step.status, Rows: task.rows(step.logIndex, step.logIndex+step.logLength)})
		next += step.logLength
	}
	complete := ViewStep{Name: "Complete job", Status: StatusWaiting}
	if task.showsComplete() {
		complete.Rows = task.rows(next, rows)
	}
	if task.status.Done() {
		complete.Status = task.status
	}
	return append(view, complete)
}

// StepOf tells to which step a row belongs by the ranges of the steps: -1 for
// "Set up job", len(steps) for "Complete job". Rows of a running step belong to
// it however many there are.
func StepOf(steps []StepInfo, row int64) int {
	at := -1
	for i, step := range steps {
		if step.Started.IsZero() || row < step.LogIndex {
			continue
		}
		at = i
		if step.Status.Done() && row >= step.LogIndex+step.LogLength && i == len(steps)-1 {
			at = len(steps)
		}
	}
	return at
}

// setUpLength is where the first step begins that has run or runs; everything,
// while there is none.
func (t *taskRow) setUpLength() int64 {
	for _, step := range t.steps {
		switch step.status {
		case StatusSuccess, StatusFailure, StatusRunning:
			return step.logIndex
		}
	}
	return int64(len(t.log))
}

func (t *taskRow) setUpStatus() Status {
	started := slices.ContainsFunc(t.steps, func(step stepRow) bool { return step.status != StatusWaiting })
	switch {
	case started || t.status == StatusSuccess:
		return StatusSuccess
	case t.status.Done():
		return t.status
	}
	return StatusRunning
}

// showsComplete: the last step ended by itself, or the last one that ran
// failed.
func (t *taskRow) showsComplete() bool {
	if len(t.steps) == 0 {
		return false
	}
	last := t.steps[len(t.steps)-1].status
	if last == StatusSuccess || last == StatusFailure {
		return true
	}
	for _, step := range slices.Backward(t.steps) {
		switch step.status {
		case StatusFailure:
			return true
		case StatusSuccess, StatusRunning:
			return false
		}
	}
	return false
}

// rows gives what is stored of a range.
func (t *taskRow) rows(from, to int64) []LogLine {
	stored := int64(len(t.log))
	from, to = min(max(from, 0), stored), min(max(to, 0), stored)
	if from >= to {
		return nil
	}
	return slices.Clone(t.log[from:to])
}
