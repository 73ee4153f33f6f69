package coordinator

import (
	"maps"
	"slices"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// RawJob is a job whose payload is given as it is, planned by nobody.
type RawJob struct {
	Repo    Scope    // owner/repo when zero
	Key     string   // "job" when empty
	Labels  []string // runs-on
	Payload []byte
	// Context is sent with the keys that a server always sends added where
	// they are missing, tokens included.
	Context *structpb.Struct
	Secrets map[string]string
	Vars    map[string]string
	Needs   map[string]*runnerv1.TaskNeed
}

// Enqueue makes a run of one job, waiting for a runner, and gives both ids.
func (s *Server) Enqueue(raw RawJob) (runID, jobID int64) {
	if raw.Repo == (Scope{}) {
		raw.Repo = Scope{Owner: "owner", Repo: "repo"}
	}
	if raw.Key == "" {
		raw.Key = "job"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.newRun(raw.Repo, raw.Key)
	job := s.newJob(run, nil, raw.Key, raw.Key)
	job.labels = slices.Clone(raw.Labels)
	job.setPayload(raw.Payload)
	if raw.Context != nil {
		job.context = proto.CloneOf(raw.Context)
	}
	job.secrets, job.vars, job.needs = maps.Clone(raw.Secrets), maps.Clone(raw.Vars), maps.Clone(raw.Needs)
	s.publish(Event{Kind: RunPlanned, RunID: run.id, Name: run.title})
	s.queue(job)
	s.bump(run.repo)
	return run.id, job.id
}

func (s *Server) newRun(repo Scope, title string) *runRow {
	run := &runRow{
		id:     s.nextID("run"),
		number: s.nextID("run of " + repo.String()),
		repo:   repo,
		title:  title,
		status: StatusWaiting,
		done:   make(chan struct{}),
	}
	s.runs[run.id] = run
	return run
}

func (s *Server) newJob(run *runRow, g *group, key, name string) *jobRow {
	job := &jobRow{
		id:      s.nextID("job"),
		run:     run,
		group:   g,
		key:     key,
		name:    name,
		status:  StatusBlocked,
		updated: s.now(),
	}
	s.jobs[job.id] = job
	run.jobs = append(run.jobs, job)
	if g != nil {
		g.jobs = append(g.jobs, job)
	}
	return job
}

func (j *jobRow) setPayload(payload []byte) {
	j.payload = slices.Clone(payload)
	j.steps = payloadSteps(payload)
}

// queue makes a new job wait for a runner. The caller bumps the version.
func (s *Server) queue(job *jobRow) {
	s.publish(Event{Kind: JobPlanned, Job: job.info()})
	s.requeue(job)
}

func (s *Server) requeue(job *jobRow) {
	job.status, job.updated, job.task = StatusWaiting, s.now(), nil
	s.waiting = append(s.waiting, job)
}

func (s *Server) unqueue(job *jobRow) {
	if i := slices.Index(s.waiting, job); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
	}
}
