package supervisor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"multirunner/common"
)

// ErrNotRunning is Snapshot's error when there is no supervisor to ask.
var ErrNotRunning = errors.New("the supervisor is not running")

// Status is what a supervisor is doing.
type Status struct {
	Phase         string               `json:"phase"`
	Concurrent    int                  `json:"concurrent"`
	Running       int                  `json:"running"`
	Polling       int                  `json:"polling"`
	Waiting       int                  `json:"waiting"` // tasks that wait for a slot
	Registrations []RegistrationStatus `json:"registrations"`
	Endpoints     []EndpointStatus     `json:"endpoints"`
	Jobs          []JobStatus          `json:"jobs"`
}

// RegistrationStatus is one registration's part of a Status.
type RegistrationStatus struct {
	Name        string         `json:"name"`
	URL         string         `json:"url"`
	UUID        string         `json:"uuid"`
	Health      Health         `json:"health"`
	Reason      string         `json:"reason,omitempty"`  // of HealthMisconfigured
	NoRoom      string         `json:"no_room,omitempty"` // why it is not polled now, though it is well
	Removed     bool           `json:"removed,omitempty"`
	Paused      bool           `json:"paused,omitempty"`
	Hot         bool           `json:"hot"`
	Polling     bool           `json:"polling"`
	Ready       bool           `json:"ready"` // waits for a turn
	NextPoll    time.Time      `json:"next_poll,omitzero"`
	Backoff     time.Duration  `json:"backoff,omitempty"` // the wait after the last error
	LastOutcome string         `json:"last_outcome,omitempty"`
	LastPoll    time.Time      `json:"last_poll,omitzero"`
	Running     int            `json:"running"`
	Limit       int            `json:"limit"`
	Version     int64          `json:"tasks_version"`
	Declared    []string       `json:"declared"`
	Missing     []MissingLabel `json:"missing,omitempty"`
}

// EndpointStatus is one server's part of a Status.
type EndpointStatus struct {
	URL           string  `json:"url"`
	Registrations int     `json:"registrations"`
	Manner        string  `json:"manner"` // of answering when there is no work: prompt, holding, unknown
	Failing       bool    `json:"failing"`
	Outstanding   int     `json:"outstanding"`
	RequestRate   float64 `json:"requests_per_second"`
}

// JobStatus is one job's part of a Status.
type JobStatus struct {
	Runner   string    `json:"runner"`
	URL      string    `json:"url"`
	TaskID   int64     `json:"task_id"`
	State    JobState  `json:"state"`
	Stage    string    `json:"stage,omitempty"` // for whoever knows it to fill in
	Label    string    `json:"label"`
	Executor string    `json:"executor"`
	Since    time.Time `json:"since,omitzero"` // of its slot
	// Repository and Job, by its id in the workflow, are "" for an adopted job.
	Repository string `json:"repository,omitempty"`
	Job        string `json:"job,omitempty"`
}

// JobState is how far a job is.
type JobState string

const (
	JobWaiting  JobState = "waiting"  // claimed, no slot is free
	JobStarting JobState = "starting" // its process is being started
	JobRunning  JobState = "running"
)

// Snapshot asks the supervisor what it is doing.
func (s *Supervisor) Snapshot(ctx context.Context) (Status, error) {
	ask := snapshot(make(chan Status, 1))
	select {
	case s.events <- ask:
	case <-s.done:
		return Status{}, ErrNotRunning
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
	select {
	case status := <-ask:
		return status, nil
	case <-s.done:
		return Status{}, ErrNotRunning
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
}

type snapshot chan Status

func (ev snapshot) apply(f *feeder, now time.Time) { ev <- f.status(now) }

func (f *feeder) status(now time.Time) Status {
	status := Status{
		Phase:         f.phase.String(),
		Concurrent:    f.slots.concurrent,
		Running:       f.slots.running,
		Polling:       f.slots.polling + f.slots.exempt,
		Waiting:       len(f.pending),
		Registrations: make([]RegistrationStatus, 0, len(f.registrations)),
	}
	for _, r := range f.registrations {
		status.Registrations = append(status.Registrations, r.status(now))
	}
	slices.SortFunc(status.Registrations, func(a, b RegistrationStatus) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range f.endpoints {
		status.Endpoints = append(status.Endpoints, EndpointStatus{
			URL: e.url, Registrations: e.registrations, Manner: e.manner.String(),
			Failing: e.failing, Outstanding: e.outstanding, RequestRate: e.budget.Rate(),
		})
	}
	slices.SortFunc(status.Endpoints, func(a, b EndpointStatus) int { return cmp.Compare(a.URL, b.URL) })
	for j := range f.building {
		status.Jobs = append(status.Jobs, j.status())
	}
	slices.SortFunc(status.Jobs, func(a, b JobStatus) int { return a.Since.Compare(b.Since) })
	for _, j := range f.pending {
		status.Jobs = append(status.Jobs, j.status())
	}
	return status
}

// starting tells whether a job that has its worker is not known to run yet.
func (j *job) starting() bool { return j.build == nil && j.choice.Executor == "" }

func (j *job) status() JobStatus {
	status := JobStatus{
		Runner: j.entry.runner.Name, URL: j.entry.id.URL, TaskID: j.task.GetId(), State: JobRunning,
		Label: j.choice.Label.String(), Executor: j.choice.Executor, Since: j.since,
	}
	context := j.task.GetContext().GetFields()
	status.Repository, status.Job = context["repository"].GetStringValue(), context["job"].GetStringValue()
	switch {
	case j.since.IsZero():
		status.State = JobWaiting
	case j.starting():
		status.State = JobStarting
	}
	return status
}

func (r *registration) status(now time.Time) RegistrationStatus {
	en := r.entry
	status := RegistrationStatus{
		Name: en.runner.Name, URL: en.id.URL, UUID: en.id.UUID,
		Health: r.health, Reason: en.fault, NoRoom: r.noRoom, Removed: r.removed, Paused: r.paused,
		Hot: r.classAt(now) != cold, Polling: r.grant != nil, Ready: r.inReady > 0,
		Backoff: r.retryDelay, LastOutcome: r.outcome, LastPoll: r.outcomeAt,
		Running: r.jobs, Limit: en.runner.Limit, Version: r.version,
		Declared: en.labels.declared, Missing: en.labels.missing,
	}
	if r.inDue > 0 {
		status.NextPoll = r.due
	}
	return status
}

// Hint says that there may be work for a registration now, for all of a server
// when uuid is empty: those that wait for their time get a turn at once,
// within the budgets. It never waits for the supervisor for longer than ctx.
func (s *Supervisor) Hint(ctx context.Context, id common.RegistrationID) {
	select {
	case s.events <- versionHint(id):
	case <-s.done:
	case <-ctx.Done():
	}
}

type versionHint common.RegistrationID

func (ev versionHint) apply(f *feeder, now time.Time) {
	wake := func(r *registration) {
		// One that waits after an error has a reason to.
		if r.inDue > 0 && r.retry == nil && r.health != HealthUnregistered {
			r.forgetVersion()
			f.dueAt(r, now, 0)
			f.settle(r, now)
		}
	}
	if ev.UUID != "" {
		if r := f.registrations[common.RegistrationID(ev)]; r != nil {
			wake(r)
		}
		return
	}
	for id, r := range f.registrations {
		if id.URL == ev.URL {
			wake(r)
		}
	}
}
