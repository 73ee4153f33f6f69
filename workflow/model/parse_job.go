package model

import (
	"slices"
	"strings"
)

func (p *parser) job(f field) *Job {
	v := Value{node: f.value.node, at: &place{file: p.file, job: f.key}}
	j := &Job{ID: f.key, Line: f.line, file: p.file, node: f.value.node}
	if !isName(f.key) {
		e := v.Errorf("the id of a job is letters, digits, - and _, and begins with a letter or _")
		e.Line = f.line
		p.warn(e)
	}
	if !v.IsMapping() {
		e := v.Errorf(`must be a mapping with "runs-on" and "steps", not %s`, kindName(v.node))
		e.Line = f.line
		p.faultError(e)
		return j
	}
	unknown := p.unknown(v, jobKeys)
	j.Name = p.want(v.Get("name"), scalar)
	j.If = p.condition(v.Get("if"))
	j.RunsOn = p.runsOn(v.Get("runs-on"))
	j.Env = p.scalars(v.Get("env"))
	j.TimeoutMinutes = p.number(v.Get("timeout-minutes"))
	j.ContinueOnError = p.bool(v.Get("continue-on-error"))
	j.Container = p.container(v.Get("container"), containerKeys)
	j.Services = p.services(v.Get("services"))
	j.Outputs = p.scalars(v.Get("outputs"))
	j.Environment = p.want(v.Get("environment"), scalar|mapping)
	j.Concurrency = p.want(v.Get("concurrency"), scalar|mapping)
	j.Permissions = p.want(v.Get("permissions"), scalar|mapping)
	j.needs = v.Get("needs")
	j.Needs = p.texts(j.needs)
	j.Defaults = p.defaults(v.Get("defaults"))
	j.Strategy = p.strategy(v.Get("strategy"))
	j.uses = p.want(v.Get("uses"), scalar)
	j.Uses = j.uses.Text()
	j.With = p.want(v.Get("with"), mapping|expr)
	j.Secrets = p.callSecrets(v.Get("secrets"))
	j.Steps = p.steps(j.ID, v.Get("steps"))
	p.jobWork(j, v, unknown)
	for _, part := range v.fields() {
		if part.key != "if" && part.key != "steps" {
			p.expressions(part.value)
		}
	}
	return j
}

// jobWork holds that a job has something to do, of one kind.
func (p *parser) jobWork(j *Job, v Value, unknown []string) {
	at := v
	at.node = nil
	missing := func(format string, args ...any) *Error {
		e := at.Errorf(format, args...)
		e.Line = j.Line
		return e
	}
	written := v.Get("steps")
	switch {
	case j.Uses != "" && !written.IsNull():
		p.faultError(missing(`has both "uses" and "steps", a job has one of them`))
	case j.Uses != "":
		for _, f := range v.fields() {
			if slices.Contains(jobKeys, f.key) && !slices.Contains(callJobKeys, f.key) {
				p.warn(f.value.Errorf("means nothing in a job that calls a workflow: set it in the jobs of that workflow"))
			}
		}
	case written.IsNull():
		p.faultError(missing(`has neither "steps" nor "uses": there is nothing to run%s`, meant("steps", unknown)))
	case written.IsList() && len(j.Steps) == 0:
		p.faultError(missing(`"steps" is empty: there is nothing to run`))
	case j.RunsOn.IsZero():
		// Gitea hands such a job to a runner without labels.
		p.warn(missing(`has no "runs-on"%s`, meant("runs-on", unknown)))
	}
}

// callSecrets holds that secrets are mapped one by one, or all handed on.
func (p *parser) callSecrets(v Value) Value {
	v = p.want(v, scalar|mapping)
	if v.IsScalar() && v.Text() != inherit {
		p.fault(v, "must be a mapping of secrets, or %s, not %q", inherit, excerpt(v.Text()))
		return Value{}
	}
	return v
}

// isName knows what GitHub takes for ids.
func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

func (p *parser) runsOn(v Value) Value {
	v = p.want(v, scalar|list|mapping)
	switch {
	case v.IsMapping():
		p.unknown(v, runsOnKeys)
		p.want(v.Get("group"), scalar)
		p.labels(p.want(v.Get("labels"), scalar|list))
	case v.IsList():
		p.labels(v)
	}
	return v
}

func (p *parser) labels(v Value) {
	for _, item := range v.Items() {
		p.want(item, scalar)
	}
}

func (p *parser) container(v Value, keys []string) Value {
	v = p.want(v, scalar|mapping)
	if !v.IsMapping() {
		return v
	}
	unknown := p.unknown(v, keys)
	p.scalars(v.Get("env"))
	p.want(v.Get("options"), scalar)
	p.want(v.Get("ports"), list|expr)
	p.want(v.Get("volumes"), list|expr)
	p.want(v.Get("credentials"), mapping|expr)
	if image := v.Get("image"); image.IsNull() {
		p.fault(v, `has no "image"%s`, meant("image", unknown))
	} else {
		p.want(image, scalar)
	}
	return v
}

func (p *parser) services(v Value) Value {
	v = p.want(v, mapping|expr)
	for _, f := range v.fields() {
		if isInsert(f.key) {
			continue
		}
		p.container(f.value, serviceKeys)
	}
	return v
}

func (p *parser) strategy(v Value) *Strategy {
	v = p.want(v, mapping)
	if v.IsZero() {
		return nil
	}
	p.unknown(v, strategyKeys)
	s := &Strategy{
		FailFast:    p.bool(v.Get("fail-fast")),
		MaxParallel: p.number(v.Get("max-parallel")),
		Matrix:      p.want(v.Get("matrix"), mapping|expr),
	}
	for _, f := range s.Matrix.fields() {
		if isInsert(f.key) {
			continue
		}
		entries := p.want(f.value, list|expr)
		if !strings.EqualFold(f.key, matrixInclude) && !strings.EqualFold(f.key, matrixExclude) {
			continue
		}
		for _, entry := range entries.Items() {
			p.want(entry, mapping|expr)
		}
	}
	return s
}
