package coordinator

import "time"

// Sweep ends the tasks that are silent or take too long, as the server's
// clean-up jobs do, and tells how many.
func (s *Server) Sweep() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, swept := s.now(), 0
	for _, task := range s.tasks {
		silent := now.Sub(task.updated) > s.options.ZombieTimeout
		endless := now.Sub(task.started) > s.options.EndlessTimeout
		if task.live() && (silent || endless) {
			s.sweepTask(task, now)
			swept++
		}
	}
	return swept
}

func (s *Server) sweepTask(task *taskRow, now time.Time) {
	status := StatusFailure
	if task.status == StatusCancelling {
		status = StatusCancelled
	}
	task.closeSteps(status, now)
	// Rows that come later find a closed log. One without rows cannot be
	// archived, and stays open.
	task.archived = task.archived || len(task.log) > 0
	s.finishTask(task, status, now.Truncate(time.Second))
}

func (s *Server) sweepLoop() {
	defer s.owned.Done()
	ticker := time.NewTicker(s.options.SweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.Sweep()
		case <-s.closing:
			return
		}
	}
}
