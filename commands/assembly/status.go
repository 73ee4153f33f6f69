package assembly

import (
	"context"
	"fmt"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/commands/metrics"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
)

// Sources are what is costly to learn about the runner, for
// metrics.NewBackground.
func (r *Runner) Sources() []metrics.Source {
	root := r.state.Root()
	return []metrics.Source{
		metrics.ReportSource(r.sender.Stats),
		metrics.RegistrationSource(r.supervisor.Pulse),
		metrics.ProcessSource(root),
		metrics.DiskSource(root),
	}
}

// Panicked counts a panic of somebody around the runner.
func (r *Runner) Panicked() { r.metrics.Panicked() }

// Status is the supervisor's Snapshot with the stage of each job, as far as
// its spool tells.
func (r *Runner) Status(ctx context.Context) (supervisor.Status, error) {
	status, err := r.supervisor.Snapshot(ctx)
	if err != nil {
		return status, err
	}
	states := map[string]*runnerv1.TaskState{}
	for _, p := range r.sender.Progress() {
		states[p.Key] = p.State
	}
	for i, job := range status.Jobs {
		if job.State == supervisor.JobRunning {
			status.Jobs[i].Stage = stageOf(states[state.JobKey(job.URL, job.TaskID)])
		}
	}
	return status, nil
}

// Stages of a job besides its steps, which are step_1 and so on.
const (
	stagePrepare = "prepare"  // "Set up job"
	stageFinish  = "complete" // "Complete job", post steps included
)

func stageOf(job *runnerv1.TaskState) string {
	for i, step := range job.GetSteps() {
		if step.GetResult() != runnerv1.Result_RESULT_UNSPECIFIED {
			continue
		}
		if i == 0 && step.GetStartedAt() == nil {
			return stagePrepare
		}
		return fmt.Sprintf("step_%d", i+1)
	}
	if len(job.GetSteps()) == 0 {
		return stagePrepare
	}
	return stageFinish
}
