package coordinator

import (
	"maps"
	"slices"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/structpb"
)

// runRow is one run: of a workflow, or of a single job that was enqueued.
type runRow struct {
	id     int64
	number int64 // per repository
	repo   Scope
	title  string
	groups []*group // in the workflow's order, then those of called workflows; none for an enqueued job
	jobs   []*jobRow
	status Status
	cancel bool          // a user cancelled the run
	done   chan struct{} // closed with the final status

	advancing, again bool // see advance
}

// jobRow is one job as a runner sees it: one combination of a matrix.
type jobRow struct {
	id              int64
	run             *runRow
	group           *group // nil for an enqueued job
	key             string // in the workflow
	name            string
	labels          []string
	status          Status
	updated         time.Time
	continueOnError bool
	message         string // why it ended without a runner
	task            *taskRow
	call            *call // of a job that calls a workflow

	payload []byte
	context *structpb.Struct // given keys; the others are filled in at the claim
	secrets map[string]string
	vars    map[string]string
	needs   map[string]*runnerv1.TaskNeed
	steps   []stepText
}

type taskRow struct {
	id         int64
	job        *jobRow
	runnerID   int64
	runnerUUID string
	confirmed  bool // its poll was there to be answered
	status     Status
	started    time.Time
	stopped    time.Time
	updated    time.Time
	steps      []stepRow
	outputs    map[string]string
	log        []LogLine
	archived   bool
	token      string
	summaries  map[int][]byte
}

type stepRow struct {
	name      string
	status    Status
	started   time.Time
	stopped   time.Time
	logIndex  int64
	logLength int64
}

// StepInfo is a step as the server knows it.
type StepInfo struct {
	Name      string
	Status    Status
	Started   time.Time
	Stopped   time.Time
	LogIndex  int64
	LogLength int64
}

// TaskInfo is a task: one attempt of a runner at a job.
type TaskInfo struct {
	ID         int64
	JobID      int64
	RunID      int64
	RunnerID   int64
	RunnerUUID string
	Status     Status
	Started    time.Time
	Stopped    time.Time
	Updated    time.Time
	Steps      []StepInfo
	Outputs    map[string]string
	LogRows    int
	Archived   bool
	Summaries  map[int][]byte // markdown by step
}

// JobInfo is a job.
type JobInfo struct {
	ID              int64
	RunID           int64
	TaskID          int64  // 0 until a runner claims it
	Key             string // in the workflow
	Name            string
	Labels          []string
	Status          Status
	ContinueOnError bool
	// Calls tells that it has called a workflow: its work is that of other jobs,
	// whose names begin with its own.
	Calls   bool
	Message string // why it ended without a runner
}

// RunInfo is a run with its jobs, in the order in which they were planned.
type RunInfo struct {
	ID     int64
	Number int64
	Title  string
	Repo   Scope
	Status Status
	Jobs   []JobInfo
}

// LogLine is a stored row.
type LogLine struct {
	Time    time.Time
	Content string
}

// String is the line as a server stores it.
func (l LogLine) String() string {
	return l.Time.UTC().Format("2006-01-02T15:04:05.0000000Z") + " " + l.Content
}

func (t *taskRow) info() TaskInfo {
	return TaskInfo{
		ID:         t.id,
		JobID:      t.job.id,
		RunID:      t.job.run.id,
		RunnerID:   t.runnerID,
		RunnerUUID: t.runnerUUID,
		Status:     t.status,
		Started:    t.started,
		Stopped:    t.stopped,
		Updated:    t.updated,
		Steps:      t.stepInfos(),
		Outputs:    maps.Clone(t.outputs),
		LogRows:    len(t.log),
		Archived:   t.archived,
		Summaries:  maps.Clone(t.summaries),
	}
}

func (t *taskRow) stepInfos() []StepInfo {
	infos := make([]StepInfo, len(t.steps))
	for i, step := range t.steps {
		infos[i] = StepInfo{
			Name:      step.name,
			Status:    step.status,
			Started:   step.started,
			Stopped:   step.stopped,
			LogIndex:  step.logIndex,
			LogLength: step.logLength,
		}
	}
	return infos
}

// live tells whether the runner may still work on the task.
func (t *taskRow) live() bool {
	return t.status == StatusRunning || t.status == StatusCancelling
}

func (j *jobRow) info() JobInfo {
	info := JobInfo{
		ID:              j.id,
		RunID:           j.run.id,
		Key:             j.key,
		Name:            j.name,
		Labels:          slices.Clone(j.labels),
		Status:          j.status,
		ContinueOnError: j.continueOnError,
		Calls:           j.call != nil && j.call.groups != nil,
		Message:         j.message,
	}
	if j.task != nil {
		info.TaskID = j.task.id
	}
	return info
}

func (r *runRow) info() RunInfo {
	info := RunInfo{ID: r.id, Number: r.number, Title: r.title, Repo: r.repo, Status: r.status}
	for _, job := range r.jobs {
		info.Jobs = append(info.Jobs, job.info())
	}
	return info
}
