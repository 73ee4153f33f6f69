package engine

import (
	"time"

	"multirunner/common"
)

// Phase is how far a job is.
type Phase string

// The phases of a job.
const (
	PhaseSetUp    Phase = "set-up"
	PhaseSteps    Phase = "steps"
	PhaseComplete Phase = "complete"
	PhaseEnded    Phase = "ended"
)

// Snapshot is what a job is doing, for operators. It holds no secrets.
type Snapshot struct {
	TaskID   int64  `json:"task_id"`
	Job      string `json:"job"`
	Phase    Phase  `json:"phase"`
	Step     int    `json:"step,omitempty"` // from 1; 0 between steps
	StepName string `json:"step_name,omitempty"`
	Steps    int    `json:"steps"`
	Status   string `json:"status"` // success until something fails
	// Stopping is the strongest reason to stop that was given, "" for none. A
	// job's own timeout counts as StopServer.
	Stopping common.StopReason `json:"stopping,omitempty"`
	Started  time.Time         `json:"started"`
	Rows     int64             `json:"rows"`
}

// Snapshot tells what the job is doing. Safe for concurrent use.
func (j *Job) Snapshot() Snapshot {
	status, stopping := j.status(), j.stop.strongest()
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.now
	s.StepName = j.masker.Mask(s.StepName) // the step may have named secrets since it began
	s.Rows, s.Stopping = j.trace.Rows(), stopping
	if s.Status == "" {
		s.Status = string(status)
	}
	return s
}

func (j *Job) set(change func(*Snapshot)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.now)
}
