package model

import "go.yaml.in/yaml/v4"

// Parse parses a workflow file. file is what errors call it. The error is an
// *Error or Errors, so errors.As finds an *Error. Keys that the language does
// not have are Warnings; needs are checked by Order only.
func Parse(file string, data []byte) (*Workflow, error) {
	root, err := load(file, "a workflow", data)
	if err != nil {
		return nil, err
	}
	return fromTree(file, root)
}

func fromTree(file string, root *yaml.Node) (*Workflow, error) {
	p := &parser{file: file}
	w := p.workflow(Value{node: root, at: &place{file: file}})
	switch len(p.faults) {
	case 0:
		w.Warnings = p.warnings
		return w, nil
	case 1:
		return nil, p.faults[0]
	}
	return nil, p.faults
}

func (p *parser) workflow(v Value) *Workflow {
	if !v.IsMapping() {
		p.fault(v, `not a workflow: it is %s, not a mapping with "on" and "jobs"`, kindName(v.node))
		return nil
	}
	unknown := p.unknown(v, workflowKeys)
	w := &Workflow{
		File:        p.file,
		Name:        p.want(v.Get("name"), scalar).Text(),
		RunName:     p.want(v.Get("run-name"), scalar),
		Env:         p.scalars(v.Get("env")),
		Defaults:    p.defaults(v.Get("defaults")),
		Permissions: p.want(v.Get("permissions"), scalar|mapping),
		Concurrency: p.want(v.Get("concurrency"), scalar|mapping),
		root:        v.node,
	}
	for _, part := range []Value{w.RunName, w.Env, v.Get("defaults"), w.Concurrency} {
		p.expressions(part)
	}
	if on := v.Get("on"); on.IsNull() {
		p.warn(v.Errorf(`has no "on": nothing starts it`))
	} else {
		w.On = p.events(on)
	}
	jobs := v.Get("jobs")
	if jobs.IsNull() && len(p.faults) == 0 {
		p.fault(v, `not a workflow: it has no "jobs"%s`, meant("jobs", unknown))
		return w
	}
	for _, f := range p.want(jobs, mapping).fields() {
		w.Jobs = append(w.Jobs, p.job(f))
	}
	if len(w.Jobs) == 0 && len(p.faults) == 0 {
		p.fault(jobs, "has no job")
	}
	return w
}

// meant names the unknown key that a missing one was probably written as.
func meant(key string, unknown []string) string {
	for _, name := range unknown {
		if nearest(name, []string{key}) != "" {
			return `; is "` + excerpt(name) + `" meant to be it?`
		}
	}
	return ""
}

func (p *parser) defaults(v Value) Defaults {
	v = p.want(v, mapping)
	p.unknown(v, defaultsKeys)
	run := p.want(v.Get("run"), mapping)
	p.unknown(run, runKeys)
	return Defaults{
		Shell:            p.want(run.Get("shell"), scalar),
		WorkingDirectory: p.want(run.Get("working-directory"), scalar),
	}
}
