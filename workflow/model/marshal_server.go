package model

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"multirunner/workflow/expression"
)

// serverWorkflow writes what a Gitea server's own types hold, in their order.
// Keys that are not named here do not reach a runner; texts are texts whatever
// they look like.
func (w *Workflow) serverWorkflow(job *Job, opts MarshalOptions) (*yaml.Node, error) {
	root := Value{node: w.root, at: &place{file: w.File}}
	env, err := textMapping(w.Env)
	if err != nil {
		return nil, err
	}
	sent, err := job.serverNode(opts)
	if err != nil {
		return nil, err
	}
	b := buildFrom(nil)
	b.set("name", nonEmpty(w.Name))
	b.set("on", present(root.Get("on")))
	b.set("env", env)
	jobs := buildFrom(nil)
	jobs.set(job.ID, sent)
	b.set("jobs", jobs.node)
	b.set("defaults", w.Defaults.serverNode())
	b.set("permissions", present(w.Permissions))
	if opts.RunName != "" {
		b.set("run-name", evaluatedText(opts.RunName))
	} else {
		b.set("run-name", asTextNode(w.RunName))
	}
	return b.node, nil
}

func (j *Job) serverNode(opts MarshalOptions) (*yaml.Node, error) {
	steps, err := j.serverSteps()
	if err != nil {
		return nil, err
	}
	services, err := j.serverServices()
	if err != nil {
		return nil, err
	}
	outputs, err := textMapping(j.Outputs)
	if err != nil {
		return nil, err
	}
	b := buildFrom(nil)
	b.set("name", j.serverName(opts))
	b.set("runs-on", j.serverRunsOn(opts))
	b.set("env", presentMapping(j.Env))
	b.set("if", asTextNode(j.If))
	b.set("steps", steps)
	b.set("timeout-minutes", asTextNode(j.TimeoutMinutes))
	b.set("continue-on-error", j.serverContinue(opts))
	b.set("services", services)
	b.set("strategy", j.serverStrategy(opts))
	b.set("container", present(j.Container))
	b.set("defaults", j.Defaults.serverNode())
	b.set("outputs", outputs)
	b.set("uses", nonEmpty(j.Uses))
	b.set("with", present(j.With))
	b.set("secrets", present(j.Secrets))
	b.set("concurrency", concurrencyNode(j.Concurrency))
	b.set("permissions", present(j.Permissions))
	return b.node, nil
}

func (j *Job) serverName(opts MarshalOptions) *yaml.Node {
	switch {
	case opts.Name != "":
		return evaluatedText(opts.Name)
	case j.Name.Text() != "":
		return asTextNode(j.Name)
	}
	return textNode(j.ID)
}

func (j *Job) serverRunsOn(opts MarshalOptions) *yaml.Node {
	if opts.RunsOn != nil {
		return labelsNode(opts.RunsOn)
	}
	return present(j.RunsOn)
}

func (j *Job) serverContinue(opts MarshalOptions) *yaml.Node {
	if opts.ContinueOnError != nil {
		return valueNode(expression.Bool(*opts.ContinueOnError))
	}
	return present(j.ContinueOnError)
}

func (j *Job) serverStrategy(opts MarshalOptions) *yaml.Node {
	if j.Strategy == nil {
		return nil
	}
	b := buildFrom(nil)
	b.set("fail-fast", asTextNode(j.Strategy.FailFast))
	b.set("max-parallel", asTextNode(j.Strategy.MaxParallel))
	if opts.Matrix.Kind() != expression.KindObject {
		b.set("matrix", present(j.Strategy.Matrix))
		return b.node
	}
	pairs := pairsOf(opts.Matrix)
	slices.SortStableFunc(pairs, func(a, b expression.Pair) int { return strings.Compare(a.Key, b.Key) })
	b.set("matrix", combinationNode(expression.NewObject(pairs...)))
	return b.node
}

func (j *Job) serverSteps() (*yaml.Node, error) {
	if len(j.Steps) == 0 {
		return nil, nil
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq}
	for _, step := range j.Steps {
		sent, err := step.serverNode()
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, sent)
	}
	return list, nil
}

func (s *Step) serverNode() (*yaml.Node, error) {
	with, err := textMapping(s.With)
	if err != nil {
		return nil, err
	}
	b := buildFrom(nil)
	b.set("id", nonEmpty(s.ID))
	b.set("if", asTextNode(s.If))
	b.set("name", asTextNode(s.Name))
	b.set("uses", asTextNode(s.Uses))
	b.set("run", asTextNode(s.Run))
	b.set("working-directory", asTextNode(s.WorkingDirectory))
	b.set("shell", asTextNode(s.Shell))
	b.set("with", with)
	b.set("env", presentMapping(s.Env))
	// A boolean is all that the server's type holds; false is its empty value.
	if literal, err := s.ContinueOnError.EvalBool(expression.Scope{}, false); err == nil && literal && !s.ContinueOnError.IsExpression() {
		b.set("continue-on-error", valueNode(expression.True))
	}
	b.set("timeout-minutes", asTextNode(s.TimeoutMinutes))
	return b.node, nil
}

func (j *Job) serverServices() (*yaml.Node, error) {
	if j.Services.IsExpression() {
		return nil, j.Services.Errorf("the server takes no expression for the whole mapping")
	}
	b := buildFrom(nil)
	for _, f := range j.Services.fields() {
		image := f.value
		if image.IsMapping() {
			image = image.Get("image")
		}
		if image.IsNull() || image.Text() == "" {
			continue // no image is no service, and would make the payload a faulty one
		}
		service, err := serverService(f.value)
		if err != nil {
			return nil, err
		}
		b.set(f.key, service)
	}
	return filled(b), nil
}

func serverService(v Value) (*yaml.Node, error) {
	b := buildFrom(nil)
	if v.IsScalar() {
		b.set("image", asTextNode(v))
		return b.node, nil
	}
	b.set("image", asTextNode(v.Get("image")))
	for _, key := range []string{"env", "credentials"} {
		texts, err := textMapping(v.Get(key))
		if err != nil {
			return nil, err
		}
		b.set(key, texts)
	}
	for _, key := range []string{"cmd", "ports", "volumes"} {
		b.set(key, textList(v.Get(key)))
	}
	b.set("options", asTextNode(v.Get("options")))
	return b.node, nil
}

func (d Defaults) serverNode() *yaml.Node {
	run := buildFrom(nil)
	run.set("shell", asTextNode(d.Shell))
	run.set("working-directory", asTextNode(d.WorkingDirectory))
	b := buildFrom(nil)
	b.set("run", filled(run))
	return filled(b)
}

func concurrencyNode(v Value) *yaml.Node {
	b := buildFrom(nil)
	if v.IsScalar() {
		b.set("group", asTextNode(v))
	}
	b.set("group", asTextNode(v.Get("group")))
	b.set("cancel-in-progress", asTextNode(v.Get("cancel-in-progress")))
	return filled(b)
}

// filled gives a mapping that has entries, else nil.
func filled(b builder) *yaml.Node {
	if len(b.node.Content) == 0 {
		return nil
	}
	return b.node
}

// present gives what is written, nil for null.
func present(v Value) *yaml.Node {
	if v.IsNull() {
		return nil
	}
	return v.node
}

func nonEmpty(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return textNode(s)
}

// asTextNode makes a text of a scalar, nil of null and empty ones.
func asTextNode(v Value) *yaml.Node {
	if v.Text() == "" {
		return nil
	}
	return styled(textNode(v.Text()), v)
}

// styled keeps the style of a block.
func styled(n *yaml.Node, from Value) *yaml.Node {
	if block := from.node.Style & (yaml.LiteralStyle | yaml.FoldedStyle); block != 0 {
		n.Style = block
	}
	return n
}

// textMapping makes texts of a mapping's values. The server's type has no
// place for an expression that stands for the whole mapping.
func textMapping(v Value) (*yaml.Node, error) {
	if v.IsExpression() {
		return nil, v.Errorf("the server takes no expression for the whole mapping")
	}
	b := buildFrom(nil)
	for _, f := range v.fields() {
		if !f.value.IsScalar() {
			return nil, f.value.Errorf("must be a text, not %s", kindName(f.value.node))
		}
		b.node.Content = append(b.node.Content, textNode(f.key), styled(textNode(f.value.Text()), f.value))
	}
	return filled(b), nil
}

// presentMapping gives what is written, nil for an empty mapping.
func presentMapping(v Value) *yaml.Node {
	if v.IsMapping() && len(v.node.Content) == 0 {
		return nil
	}
	return present(v)
}

func textList(v Value) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: tagSeq}
	for _, item := range v.Items() {
		list.Content = append(list.Content, textNode(item.Text()))
	}
	if len(list.Content) == 0 {
		return nil
	}
	return list
}
