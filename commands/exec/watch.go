package exec

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"multirunner/network/coordinator"
)

// watcher turns the server's events into what a person sees. It is used by
// one goroutine.
type watcher struct {
	print *printer
	// workflows names the run's files, so that the table can tell them apart.
	workflows map[int64]string
	runners   map[string]string // registration name by uuid
	// selective says that runners have labels of the user's choice.
	selective bool
	server    *coordinator.Server

	jobs map[int64]*view
	open int // runs that are not finished
}

// view is what is known of a job.
type view struct {
	coordinator.JobInfo
	order    int
	workflow string
	task     coordinator.TaskInfo
	held     []row // rows that came before the state that tells their step
	// By the server's clock: what the runner says is to the second.
	picked, finished time.Time
}

type row struct {
	index int64
	coordinator.LogLine
}

func newWatcher(print *printer, server *coordinator.Server) *watcher {
	return &watcher{
		print: print, server: server,
		workflows: map[int64]string{}, runners: map[string]string{}, jobs: map[int64]*view{},
	}
}

// handle shows one event. It tells whether all runs are finished.
func (w *watcher) handle(e coordinator.Event) (finished bool) {
	if e.Kind == coordinator.RunFinished {
		w.open--
		return w.open == 0
	}
	if e.Job.ID == 0 {
		return false
	}
	v := w.view(e)
	switch e.Kind {
	case coordinator.JobPlanned:
		w.planned(v)
	case coordinator.JobPicked:
		v.picked = e.At
		w.print.jobStarted(v.workflow, v.Name, w.runners[v.task.RunnerUUID])
	case coordinator.StateChanged:
		w.flush(v, false)
	case coordinator.LogRows:
		for i, line := range e.Rows {
			v.held = append(v.held, row{e.FirstRow + int64(i), line})
		}
		w.flush(v, false)
	case coordinator.JobFinished, coordinator.JobSkipped:
		v.finished = e.At
		w.flush(v, true)
		w.summaries(v, e.At)
		if v.delegated() {
			break // they have told
		}
		if v.Message != "" && e.Kind == coordinator.JobFinished {
			w.print.row(v.workflow, v.Name, "", e.At, "##[error]"+v.Message)
		}
		w.print.jobDone(v.workflow, v.Name, v.Status.String(), v.took())
	}
	return false
}

func (w *watcher) view(e coordinator.Event) *view {
	v := w.jobs[e.Job.ID]
	if v == nil {
		v = &view{order: len(w.jobs), workflow: w.workflows[e.RunID]}
		w.jobs[e.Job.ID] = v
	}
	before := v.task
	v.JobInfo = e.Job
	if e.Task.ID != 0 {
		v.task = e.Task
	}
	for i, step := range v.task.Steps {
		if !step.Started.IsZero() && (i >= len(before.Steps) || before.Steps[i].Started.IsZero()) {
			w.print.stepStarted(v.workflow, v.Name, step.Name)
		}
	}
	return v
}

// planned fails a job that none of the user's labels can take, which would
// wait for ever.
func (w *watcher) planned(v *view) {
	if !w.selective {
		return
	}
	for _, job := range w.server.Unmatched() {
		if job.ID != v.ID {
			continue
		}
		asked := strings.Join(job.Labels, ", ")
		message := "No --label serves runs-on: " + asked + ". Add --label " + job.Labels[0] + ":host, or leave --label out to run everything on this machine."
		if err := w.server.FailJob(job.ID, message); err != nil {
			w.print.note("%s: %v", job.Name, err)
		}
	}
}

// flush shows the held rows of which it is known to which step they belong.
// all says that no state will tell any more.
func (w *watcher) flush(v *view, all bool) {
	steps := v.task.Steps
	known := int64(0)
	for _, step := range steps {
		if !step.Started.IsZero() {
			known = max(known, step.LogIndex+step.LogLength)
		}
	}
	n := 0
	for _, r := range v.held {
		if !all && r.index >= known {
			break // its state is on the way
		}
		w.print.row(v.workflow, v.Name, stepName(steps, r.index), r.Time, r.Content)
		n++
	}
	v.held = slices.Delete(v.held, 0, n)
}

// summaries shows what the steps wrote to GITHUB_STEP_SUMMARY.
func (w *watcher) summaries(v *view, at time.Time) {
	for i, step := range v.task.Steps {
		markdown := strings.TrimRight(string(v.task.Summaries[i]), "\n")
		if markdown == "" {
			continue
		}
		w.print.row(v.workflow, v.Name, step.Name, at, "##[group]Summary")
		for line := range strings.Lines(markdown) {
			w.print.row(v.workflow, v.Name, step.Name, at, strings.TrimRight(line, "\r\n"))
		}
	}
}

// stepName gives the name of the step that a row belongs to, "" for set-up
// and completion of the job.
func stepName(steps []coordinator.StepInfo, index int64) string {
	i := coordinator.StepOf(steps, index)
	if i < 0 || i >= len(steps) {
		return ""
	}
	return steps[i].Name
}

// outcomes gives the table's rows, in the order in which jobs were planned.
func (w *watcher) outcomes() []outcome {
	views := make([]*view, 0, len(w.jobs))
	for _, v := range w.jobs {
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b *view) int { return cmp.Compare(a.order, b.order) })
	var outcomes []outcome
	for _, v := range views {
		if v.delegated() {
			continue
		}
		o := outcome{workflow: v.workflow, job: v.Name, result: v.Status.String(), took: v.took()}
		if !v.Status.Done() {
			o.result = coordinator.StatusFailure.String() // killed
		}
		for _, step := range v.task.Steps {
			if step.Status == coordinator.StatusFailure {
				o.failed = step.Name
				break
			}
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// delegated tells whether all there is to say of the job is said of those that
// it called.
func (v *view) delegated() bool { return v.Calls && v.Message == "" }

func (v *view) took() time.Duration {
	if v.picked.IsZero() || v.finished.IsZero() {
		return 0
	}
	return v.finished.Sub(v.picked)
}
