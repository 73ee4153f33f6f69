package coordinator

import (
	"fmt"
	"maps"
	"strings"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// expand makes the jobs of a group whose needs are done: one per combination
// of its matrix, or one that is over already.
func (s *Server) expand(run *runRow, g *group) {
	if message := g.cancelled(run); message != "" {
		s.addEnded(run, g, StatusCancelled, message)
		return
	}
	scope := g.plan.scope(g, expression.Null, expression.Null)
	if len(g.needs) > 0 || g.calls() { // any other job without needs is for the runner to decide
		ok, err := g.job.If.EvalCondition(withStatus(scope, run, g))
		if err != nil {
			s.addEnded(run, g, StatusFailure, err.Error())
			return
		}
		if !ok {
			s.addEnded(run, g, StatusSkipped, "its condition is false")
			return
		}
	}
	strategy, err := model.Expand(g.job.Strategy, scope)
	if err != nil {
		s.addEnded(run, g, StatusFailure, err.Error())
		return
	}
	if len(strategy.Combinations) == 0 {
		s.addEnded(run, g, StatusSkipped, "its matrix is empty")
		return
	}
	if g.caller != nil && len(run.jobs)+len(strategy.Combinations) > maxCallJobs {
		s.addEnded(run, g, StatusFailure, tooManyJobs)
		return
	}
	g.failFast, g.maxParallel = strategy.FailFast, strategy.MaxParallel
	for i, combination := range strategy.Combinations {
		s.addJob(run, g, strategy, i, combination)
	}
}

// addEnded adds the one job of a group that no runner will see.
func (s *Server) addEnded(run *runRow, g *group, status Status, message string) {
	name := g.job.ID
	if !g.job.Name.IsExpression() && g.job.Name.Text() != "" {
		name = g.job.Name.Text()
	}
	job := s.newJob(run, g, g.job.ID, g.fullName(name))
	s.finishJob(job, status, message)
}

func (s *Server) addJob(run *runRow, g *group, strategy *model.Plan, index int, combination model.Combination) {
	job := s.newJob(run, g, g.job.ID, g.fullName(strings.TrimSpace(g.job.ID+" "+combination.Suffix)))
	strategyValue := strategyContext(strategy, index)
	scope := g.plan.scope(g, combination.Values, strategyValue)
	var err error
	if g.calls() {
		job.call = &call{matrix: combination.Values, strategy: strategyValue}
		err = nameCall(job, g, scope, combination)
	} else {
		err = s.fillJob(job, g, scope, combination)
	}
	s.publish(Event{Kind: JobPlanned, Job: job.info()})
	if err != nil {
		s.finishJob(job, StatusFailure, err.Error())
	}
}

// nameCall evaluates what there is to know of a job before it calls.
func nameCall(job *jobRow, g *group, scope expression.Scope, combination model.Combination) error {
	name, err := g.job.EvalName(scope, combination)
	if err == nil {
		job.name = g.fullName(name)
	}
	return err
}

// fillJob evaluates what a server evaluates of a job: name, runs-on and
// continue-on-error.
func (s *Server) fillJob(job *jobRow, g *group, scope expression.Scope, combination model.Combination) error {
	name, err := g.job.EvalName(scope, combination)
	if err != nil {
		return err
	}
	job.name = g.fullName(name)
	target, err := g.job.EvalRunsOn(scope)
	if err != nil {
		return err
	}
	job.labels = target.Labels
	if job.continueOnError, err = g.job.ContinueOnError.EvalBool(scope, false); err != nil {
		return err
	}
	options := model.MarshalOptions{
		KeepAll: s.options.KeepAll,
		Name:    name,
		RunsOn:  target.Labels,
		Matrix:  combination.Values,
	}
	plan := g.plan
	if !plan.workflow.RunName.IsZero() {
		options.RunName = job.run.title
	}
	if !g.job.ContinueOnError.IsZero() {
		options.ContinueOnError = &job.continueOnError
	}
	payload, err := plan.workflow.MarshalJob(g.job, options)
	if err != nil {
		return fmt.Errorf("payload of job %q: %w", job.key, err)
	}
	job.setPayload(payload)
	job.context = proto.CloneOf(plan.context)
	if options.KeepAll {
		source := plan.workflow.Source(g.job, options).Text()
		job.context.Fields[model.SourceKey] = structpb.NewStringValue(source)
	}
	job.secrets, job.vars = maps.Clone(plan.secrets), maps.Clone(plan.run.Vars)
	job.needs = taskNeeds(g)
	return nil
}

// taskNeeds is what a task is told of the jobs that it needs itself.
func taskNeeds(g *group) map[string]*runnerv1.TaskNeed {
	if len(g.needs) == 0 {
		return nil
	}
	needs := make(map[string]*runnerv1.TaskNeed, len(g.needs))
	for _, need := range g.needs {
		needs[need.job.ID] = &runnerv1.TaskNeed{Result: result(need.jobs).Result(), Outputs: need.outputs()}
	}
	return needs
}

// scope has the contexts of expressions that a server evaluates.
func (p *plan) scope(g *group, matrix, strategy expression.Value, more ...expression.Pair) expression.Scope {
	pairs := []expression.Pair{
		{Key: "github", Value: p.github},
		{Key: "gitea", Value: p.github},
		{Key: "inputs", Value: p.inputs},
		{Key: "vars", Value: p.vars},
	}
	if g != nil {
		pairs = append(pairs,
			expression.Pair{Key: "needs", Value: jobsContext(g.needs)},
			expression.Pair{Key: "matrix", Value: matrix},
			expression.Pair{Key: "strategy", Value: strategy})
	}
	return expression.ScopeOf(expression.NewObject(append(pairs, more...)...), nil)
}

// jobsContext is what an expression sees of other jobs.
func jobsContext(groups []*group) expression.Value {
	var pairs []expression.Pair
	for _, need := range groups {
		pairs = append(pairs, expression.Pair{Key: need.job.ID, Value: expression.FromAny(map[string]any{
			"result":  result(need.jobs).String(),
			"outputs": need.outputs(),
		})})
	}
	return expression.NewObject(pairs...)
}

func strategyContext(strategy *model.Plan, index int) expression.Value {
	total := len(strategy.Combinations)
	parallel := strategy.MaxParallel
	if parallel == 0 {
		parallel = total
	}
	return expression.FromAny(map[string]any{
		"fail-fast":    strategy.FailFast,
		"job-index":    index,
		"job-total":    total,
		"max-parallel": parallel,
	})
}

// withStatus adds the status functions of a job's `if`. They look at the jobs
// that it needs itself, or at those of them that are named: that is all that a
// runner, which evaluates the condition again, is told.
func withStatus(scope expression.Scope, run *runRow, g *group) expression.Scope {
	statuses := func(args []expression.Value) []Status {
		var found []Status
		for _, need := range g.needs {
			if len(args) == 0 || named(args, need.job.ID) {
				found = append(found, result(need.jobs))
			}
		}
		return found
	}
	yes := func(ok bool) (expression.Value, error) { return expression.Bool(ok), nil }
	scope.Functions = map[string]expression.Function{
		"success": {MaxArgs: -1, Call: func(args []expression.Value) (expression.Value, error) {
			for _, status := range statuses(args) {
				if status != StatusSuccess {
					return yes(false)
				}
			}
			return yes(!run.cancel)
		}},
		"failure": {MaxArgs: -1, Call: func(args []expression.Value) (expression.Value, error) {
			for _, status := range statuses(args) {
				if status == StatusFailure {
					return yes(!run.cancel)
				}
			}
			return yes(false)
		}},
		"cancelled": {Call: func([]expression.Value) (expression.Value, error) { return yes(run.cancel) }},
		"always":    {Call: func([]expression.Value) (expression.Value, error) { return yes(true) }},
	}
	return scope
}

func named(args []expression.Value, id string) bool {
	for _, arg := range args {
		if strings.EqualFold(arg.Text(), id) {
			return true
		}
	}
	return false
}
