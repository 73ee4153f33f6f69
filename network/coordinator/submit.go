package coordinator

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// Run is a workflow and the event that starts it.
type Run struct {
	File     string // names the workflow, in contexts and errors
	Workflow []byte
	Repo     Scope  // owner/repo when zero
	Event    string // "push" when empty
	// Payload is the event as a webhook tells it: values as encoding/json
	// decodes them.
	Payload map[string]any
	Inputs  map[string]string // of workflow_dispatch
	Ref     string            // refs/heads/main
	SHA     string
	BaseRef string
	HeadRef string
	Actor   string
	Secrets map[string]string
	Vars    map[string]string
	// Jobs are the only ones to run, with all that they need; none means all.
	Jobs []string
	// Context replaces keys of the github context.
	Context map[string]any
	// Called reads a workflow of the project, by its path from the top of it
	// with slashes, for jobs that call one. Submit calls it, and keeps what it
	// gives. Nil sends such jobs to runners, as older servers do.
	Called func(path string) ([]byte, error)
}

// plan is a run's workflow with all that its expressions are evaluated over.
type plan struct {
	workflow *model.Workflow
	library  library
	title    string
	context  *structpb.Struct // github, as far as the submitter says it
	github   expression.Value
	inputs   expression.Value
	vars     expression.Value
	secrets  map[string]string
	run      Run
}

// Submit plans a run. The error is about the workflow, its inputs or the
// event; faults that only show when a job's turn comes fail that job.
func (s *Server) Submit(r Run) (runID int64, err error) {
	if r.Repo == (Scope{}) {
		r.Repo = Scope{Owner: "owner", Repo: "repo"}
	}
	if r.Event == "" {
		r.Event = "push"
	}
	if r.File == "" {
		r.File = "workflow.yml"
	}
	workflow, err := model.Parse(r.File, r.Workflow)
	if err != nil {
		return 0, err
	}
	jobs, err := selectJobs(workflow, r.Jobs)
	if err != nil {
		return 0, err
	}
	called := readLibrary(r.Called, jobs)

	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.newRun(r.Repo, r.File)
	plan, err := s.newPlan(run, workflow, r)
	if err != nil {
		delete(s.runs, run.id)
		return 0, err
	}
	plan.library = called
	run.title = plan.title
	run.groups = newGroups(jobs, plan, nil)
	s.publish(Event{Kind: RunPlanned, RunID: run.id, Name: run.title})
	s.advance(run)
	return run.id, nil
}

// selectJobs gives the jobs to run, each after those it needs.
func selectJobs(workflow *model.Workflow, names []string) ([]*model.Job, error) {
	jobs, err := model.Order(workflow.Jobs)
	if err != nil || len(names) == 0 {
		return jobs, err
	}
	wanted := make(map[*model.Job]bool)
	for _, name := range names {
		job := workflow.Job(name)
		if job == nil {
			return nil, fmt.Errorf("%s: no job %q; it has %s", workflow.File, name, jobIDs(jobs))
		}
		wanted[job] = true
	}
	for _, job := range slices.Backward(jobs) {
		if !wanted[job] {
			continue
		}
		for _, need := range job.Needs {
			wanted[workflow.Job(need)] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(job *model.Job) bool { return !wanted[job] }), nil
}

func jobIDs(jobs []*model.Job) string {
	ids := make([]string, len(jobs))
	for i, job := range jobs {
		ids[i] = job.ID
	}
	return strings.Join(ids, ", ")
}

// newGroups makes the groups of a workflow, which caller calls if it is not nil.
func newGroups(jobs []*model.Job, p *plan, caller *jobRow) []*group {
	groups := make([]*group, len(jobs))
	for i, job := range jobs {
		g := &group{job: job, plan: p, caller: caller}
		for _, need := range job.Needs {
			for _, earlier := range groups[:i] {
				if strings.EqualFold(earlier.job.ID, need) {
					g.needs = append(g.needs, earlier)
					break
				}
			}
		}
		groups[i] = g
	}
	return groups
}

func (s *Server) newPlan(run *runRow, workflow *model.Workflow, r Run) (*plan, error) {
	p := &plan{workflow: workflow, run: r, vars: expression.FromAny(r.Vars), secrets: r.Secrets}
	if err := workflow.CheckInputs(r.Event, r.Inputs); err != nil {
		return nil, err
	}
	payload := maps.Clone(r.Payload)
	if payload == nil {
		payload = make(map[string]any)
	}
	if r.Event == "workflow_dispatch" {
		inputs, err := dispatchInputs(workflow, r)
		if err != nil {
			return nil, err
		}
		payload["inputs"] = inputs
	}
	var err error
	if p.context, err = eventContext(r, payload); err != nil {
		return nil, fmt.Errorf("%s: event: %w", r.File, err)
	}
	p.github = s.githubContext(run, p.context)
	if p.inputs, err = workflow.TypedInputs(r.Event, expression.FromAny(payload["inputs"])); err != nil {
		return nil, err
	}
	if p.title, err = workflow.RunName.EvalString(p.scope(nil, expression.Null, expression.Null)); err != nil {
		return nil, err
	}
	if p.title == "" {
		p.title = workflow.Name
	}
	if p.title == "" {
		p.title = path.Base(r.File)
	}
	return p, nil
}

// githubContext is the context as expressions of the server see it.
func (s *Server) githubContext(run *runRow, context *structpb.Struct) expression.Value {
	fields := s.baseContext(run)
	maps.Copy(fields, context.GetFields())
	return expression.FromAny((&structpb.Struct{Fields: fields}).AsMap())
}

// dispatchInputs are the inputs as the event tells them: all declared ones, as
// texts.
func dispatchInputs(workflow *model.Workflow, r Run) (map[string]any, error) {
	inputs := make(map[string]any)
	if event := workflow.Event(r.Event); event != nil {
		for _, input := range event.Inputs {
			value, err := input.Default.EvalString(expression.Scope{})
			if err != nil {
				return nil, err
			}
			if value != "" || input.Type != model.InputBoolean {
				inputs[input.Name] = value
			} else {
				inputs[input.Name] = "false"
			}
		}
	}
	for name, value := range r.Inputs {
		inputs[name] = value
	}
	return inputs, nil
}

// eventContext are the keys of the github context that the event decides.
func eventContext(r Run, payload map[string]any) (*structpb.Struct, error) {
	refName, refType := strings.TrimPrefix(r.Ref, "refs/heads/"), "branch"
	if tag, ok := strings.CutPrefix(r.Ref, "refs/tags/"); ok {
		refName, refType = tag, "tag"
	}
	context := map[string]any{
		"actor":            r.Actor,
		"base_ref":         r.BaseRef,
		"event":            payload,
		"event_name":       r.Event,
		"head_ref":         r.HeadRef,
		"ref":              r.Ref,
		"ref_name":         refName,
		"ref_type":         refType,
		"sha":              r.SHA,
		"triggering_actor": r.Actor,
		"workflow":         path.Base(r.File),
	}
	maps.Copy(context, r.Context)
	return structpb.NewStruct(context)
}
