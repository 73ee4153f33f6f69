package coordinator

import (
	"fmt"
	"maps"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

const (
	// maxCalls is how many workflows may call each other in a row, the one that
	// was started not counted.
	maxCalls = 4
	// maxCallJobs is from how many jobs on a run takes no more of calls: matrices
	// of calls multiply.
	maxCallJobs = 5000
	tooManyJobs = "the calls of this run make too many jobs"
)

// call is a job whose work is a workflow. No runner sees it.
type call struct {
	matrix, strategy expression.Value // contexts of the job
	groups           []*group         // of the called workflow; nil before the call
	plan             *plan
	outputs          map[string]string
}

// calls tells whether the jobs of the group are calls.
func (g *group) calls() bool { return g.job.Uses != "" && g.plan.library != nil }

// cancelled tells why nothing of the group is to start any more, "" if it may.
func (g *group) cancelled(run *runRow) string {
	switch {
	case run.cancel:
		return "the run was cancelled"
	case g.caller != nil && g.caller.status == StatusCancelling:
		return "the job that calls its workflow was cancelled"
	}
	return ""
}

// fullName puts the names of the jobs before a name that lead to it by calls.
func (g *group) fullName(name string) string {
	if g.caller == nil {
		return name
	}
	return g.caller.name + " / " + name
}

// startCall makes the jobs of the workflow that a job calls. They are planned
// as those of any workflow are.
func (s *Server) startCall(run *runRow, job *jobRow) {
	job.status, job.updated = StatusRunning, s.now()
	target, err := s.resolveCall(run, job)
	if err == nil {
		err = s.bindCall(run, job, target.workflow)
	}
	if err != nil {
		s.finishJob(job, StatusFailure, oneLine(err))
		return
	}
	job.call.groups = newGroups(target.jobs, job.call.plan, job)
	run.groups = append(run.groups, job.call.groups...)
	run.again = true
	s.publish(Event{Kind: StateChanged, Job: job.info()})
}

// resolveCall finds the workflow that a job calls, which must not be one of
// those that lead to the job.
func (s *Server) resolveCall(run *runRow, job *jobRow) (callee, error) {
	caller := job.group.job
	path, err := caller.CallPath()
	if err != nil {
		return callee{}, err
	}
	chain := []string{path}
	circle := false
	for g := job.group; ; g = g.caller.group {
		file := g.plan.workflow.File
		chain = append([]string{file}, chain...)
		circle = circle || file == path
		if circle || g.caller == nil {
			break
		}
	}
	switch target := job.group.plan.library[path]; {
	case circle:
		return callee{}, caller.CallErrorf("the workflows call each other: %s", strings.Join(chain, " calls "))
	case len(chain) > maxCalls+1:
		return callee{}, caller.CallErrorf("%d workflows called in a row are too many, at most %d are allowed: %s", len(chain)-1, maxCalls, strings.Join(chain, " calls "))
	case target.err != nil:
		return callee{}, caller.CallErrorf("%w", target.err)
	case len(run.groups) >= maxCallJobs:
		return callee{}, caller.CallErrorf("%s", tooManyJobs)
	default:
		return target, nil
	}
}

// bindCall evaluates what a job hands to the workflow that it calls.
func (s *Server) bindCall(run *runRow, job *jobRow, workflow *model.Workflow) error {
	c, g := job.call, job.group
	have := make(map[string]string)
	token := randomHex(40) // a call has no task whose token would do
	for _, name := range tokenNames {
		have[name] = token
	}
	maps.Copy(have, g.plan.secrets)
	scope := g.plan.scope(g, c.matrix, c.strategy)
	withSecrets := g.plan.scope(g, c.matrix, c.strategy, expression.Pair{Key: "secrets", Value: expression.FromAny(have)})

	p := *g.plan
	p.workflow, p.inputs = workflow, expression.NewObject()
	var err error
	if p.inputs, err = g.job.CallInputs(workflow, scope, p.scope(nil, expression.Null, expression.Null)); err != nil {
		return err
	}
	mapped, err := g.job.CallSecrets(workflow, withSecrets, g.plan.secrets)
	if err != nil {
		return err
	}
	p.secrets = make(map[string]string, len(mapped))
	for _, name := range tokenNames {
		if given := g.plan.secrets[name]; given != "" {
			p.secrets[name] = given
		}
	}
	maps.Copy(p.secrets, mapped)
	if p.context, err = callContext(g.plan.context, p.inputs); err != nil {
		return g.job.CallErrorf("%w", err)
	}
	p.github = s.githubContext(run, p.context)
	c.plan = &p
	return nil
}

// callContext is the github context of the jobs of a called workflow: the
// caller's, with the inputs in the event.
func callContext(caller *structpb.Struct, inputs expression.Value) (*structpb.Struct, error) {
	given, err := structpb.NewValue(inputs.ToAny())
	if err != nil {
		return nil, err
	}
	context := proto.CloneOf(caller)
	event := context.GetFields()["event"].GetStructValue()
	if event.GetFields() == nil {
		event = &structpb.Struct{Fields: make(map[string]*structpb.Value)}
	}
	event.Fields["inputs"] = given
	context.Fields["event"] = structpb.NewStructValue(event)
	context.Fields["event_name"] = structpb.NewStringValue("workflow_call")
	return context, nil
}

// done tells whether all jobs of a call that has started are.
func (c *call) done() bool {
	for _, g := range c.groups {
		if !g.done() {
			return false
		}
	}
	return c.groups != nil
}

// endCall ends a job whose called workflow is done. Its result is that of the
// jobs, its outputs are those that the workflow makes of theirs.
func (s *Server) endCall(job *jobRow) {
	c := job.call
	var jobs []*jobRow
	for _, g := range c.groups {
		jobs = append(jobs, g.jobs...)
	}
	outputs, err := c.plan.workflow.CallOutputs(c.plan.scope(nil, expression.Null, expression.Null,
		expression.Pair{Key: "jobs", Value: jobsContext(c.groups)}))
	if err != nil {
		s.finishJob(job, StatusFailure, fmt.Sprintf("job %q: the outputs of what it calls: %s", job.group.job.ID, oneLine(err)))
		return
	}
	c.outputs = outputs
	s.finishJob(job, result(jobs), "")
}

// cancelCall cancels what is not done of a call.
func (s *Server) cancelCall(job *jobRow, message string) {
	job.status, job.updated = StatusCancelling, s.now()
	for _, g := range job.call.groups {
		for _, child := range g.jobs {
			s.cancelJob(child, message)
		}
	}
	s.advance(job.run)
}

// oneLine is for errors that have a line for each fault.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
