package model

import "strings"

// steps drops empty entries, as the server does, so that steps are counted alike.
// job is the one that they belong to, "" for the steps of an action.
func (p *parser) steps(job string, v Value) []*Step {
	var steps []*Step
	ids := map[string]int{}
	for _, item := range p.want(v, list).Items() {
		if item.IsNull() {
			p.warn(item.Errorf("is empty and left out"))
			continue
		}
		at := &place{file: p.file, job: job, step: len(steps) + 1}
		step := p.step(Value{node: item.node, at: at})
		step.Index = len(steps)
		steps = append(steps, step)
		if step.ID == "" {
			continue
		}
		id := strings.ToLower(step.ID)
		if other, taken := ids[id]; taken {
			p.warn(item.Errorf("step %d has the id %q too: the steps context shows the later one", other, step.ID))
		}
		ids[id] = at.step
	}
	return steps
}

func (p *parser) step(v Value) *Step {
	s := &Step{Line: v.Line()}
	if !v.IsMapping() {
		p.fault(v, `must be a mapping with "run" or "uses", not %s`, kindName(v.node))
		return s
	}
	keys := stepKeys
	if p.composite {
		keys = compositeStepKeys
	}
	unknown := p.unknown(v, keys)
	s.ID = p.want(v.Get("id"), scalar).Text()
	s.If = p.condition(v.Get("if"))
	s.Name = p.want(v.Get("name"), scalar)
	s.Run = p.want(v.Get("run"), scalar)
	s.Uses = p.want(v.Get("uses"), scalar)
	s.Shell = p.want(v.Get("shell"), scalar)
	s.WorkingDirectory = p.want(v.Get("working-directory"), scalar)
	s.Env = p.scalars(v.Get("env"))
	s.With = p.scalars(v.Get("with"))
	s.ContinueOnError = p.bool(v.Get("continue-on-error"))
	if !p.composite {
		s.TimeoutMinutes = p.number(v.Get("timeout-minutes"))
	}
	for _, part := range v.fields() {
		if part.key != "if" {
			p.expressions(part.value)
		}
	}
	run, uses := v.Get("run"), v.Get("uses")
	switch {
	case s.Run.Text() != "" && s.Uses.Text() != "":
		p.fault(v, `has both "run" and "uses", a step has one of them`)
	case s.Run.Text() == "" && s.Uses.Text() == "" && (run.IsNull() || run.IsScalar()) && (uses.IsNull() || uses.IsScalar()):
		p.fault(v, `has neither "run" nor "uses": there is nothing to run%s`, meant("run", unknown)+meant("uses", unknown))
	case p.composite && s.Run.Text() != "" && v.Get("shell").IsNull():
		p.fault(v, `"run" has no "shell": in a composite action it needs one, such as "shell: bash"%s`, meant("shell", unknown))
	}
	return s
}
