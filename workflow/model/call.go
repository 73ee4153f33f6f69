package model

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"multirunner/workflow/expression"
)

// inherit hands on all secrets to a called workflow.
const inherit = "inherit"

// callDirs are where workflows of the project that can be called lie.
var callDirs = []string{".gitea/workflows", ".github/workflows"}

// CallPath gives the file of the workflow that the job calls, from the top of
// the project, with slashes. Only workflows of the project itself have one:
// anything else is an error that says what is supported.
func (j *Job) CallPath() (string, error) {
	const supported = "write ./.gitea/workflows/NAME.yml or ./.github/workflows/NAME.yml"
	if j.uses.IsExpression() {
		return "", j.uses.Errorf("must be a plain text, expressions are not evaluated here")
	}
	file, local := strings.CutPrefix(j.Uses, "./")
	if !local {
		return "", j.uses.Errorf("%q is not a workflow of this project, and no other can be called here: %s", excerpt(j.Uses), supported)
	}
	if _, ref, found := strings.Cut(file, "@"); found {
		return "", j.uses.Errorf("a workflow of this project is taken as it is now, without a version: leave @%s out", excerpt(ref))
	}
	ext := path.Ext(file)
	if !slices.Contains(callDirs, path.Dir(file)) || ext != ".yml" && ext != ".yaml" {
		return "", j.uses.Errorf("%q is not a workflow that can be called: %s", excerpt(j.Uses), supported)
	}
	return file, nil
}

// CallErrorf gives an error about the call as a whole, at the job's uses.
func (j *Job) CallErrorf(format string, args ...any) *Error {
	return j.uses.Errorf(format, args...)
}

// CallInputs gives the inputs context of a workflow that the job calls: what
// the job's with gives, in the types that the workflow declares. caller is the
// scope of with, called that of the defaults. An error is at the caller's
// place, except for a default that is wrong itself.
func (j *Job) CallInputs(w *Workflow, caller, called expression.Scope) (expression.Value, error) {
	given, err := j.With.Eval(caller)
	if err != nil {
		return expression.Null, err
	}
	if k := given.Kind(); k != expression.KindObject && k != expression.KindNull {
		return expression.Null, j.With.Errorf("must be a mapping, not a value of type %s", k)
	}
	declared := w.declaredInputs(eventCall)
	var names []string
	for _, in := range declared {
		names = append(names, in.Name)
	}
	for _, name := range given.Keys() {
		if !containsFold(names, name) {
			return expression.Null, j.atInput(name).Errorf("%s", unknownName(w, "input", name, names))
		}
	}
	pairs := make([]expression.Pair, 0, len(declared))
	for _, in := range declared {
		value, err := j.callInput(w, in, given, called)
		if err != nil {
			return expression.Null, err
		}
		pairs = append(pairs, expression.Pair{Key: in.Name, Value: value})
	}
	return expression.NewObject(pairs...), nil
}

func (j *Job) callInput(w *Workflow, in Input, given expression.Value, called expression.Scope) (expression.Value, error) {
	value, ok := given.Get(in.Name)
	ok = ok && value.Kind() != expression.KindNull
	if ok {
		typed, err := in.typed(value, true)
		if err != nil {
			return expression.Null, j.atInput(in.Name).Errorf("%w (input of %s)", err, w.File)
		}
		return typed, nil
	}
	if in.Required && in.Default.IsNull() {
		return expression.Null, j.CallErrorf("%s requires the input %q: give it under with", w.File, in.Name)
	}
	if !in.Default.IsExpression() {
		typed, err := in.typed(expression.Null, false)
		if err != nil {
			return expression.Null, in.fault(w.File, eventCall, err)
		}
		return typed, nil
	}
	value, err := in.Default.Eval(called)
	if err != nil {
		return expression.Null, err
	}
	in.Default = Value{} // an expression that gives nothing gives what no default does
	typed, err := in.typed(value, true)
	if err != nil {
		return expression.Null, in.fault(w.File, eventCall, err)
	}
	return typed, nil
}

// atInput gives the value of an input for errors: where it is written, or else
// the whole of with.
func (j *Job) atInput(name string) Value {
	for _, f := range j.With.fields() {
		if strings.EqualFold(f.key, name) {
			return f.value
		}
	}
	return j.With
}

// CallSecrets gives the secrets of a workflow that the job calls: all of have
// with "inherit", otherwise those that the job maps. A secret that is mapped to
// an empty text counts as given (GitHub). An error is at the caller's place.
func (j *Job) CallSecrets(w *Workflow, caller expression.Scope, have map[string]string) (map[string]string, error) {
	secrets := make(map[string]string)
	var declared []CallSecret
	if e := w.Event(eventCall); e != nil {
		declared = e.Secrets
	}
	inherits := j.Secrets.Text() == inherit
	if inherits {
		maps.Copy(secrets, have)
	} else {
		pairs, err := j.Secrets.EvalMap(caller)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, s := range declared {
			names = append(names, s.Name)
		}
		for _, p := range pairs {
			if !containsFold(names, p.Key) {
				return nil, j.Secrets.Get(p.Key).or(j.Secrets).Errorf("%s", unknownName(w, "secret", p.Key, names))
			}
			secrets[p.Key] = p.Value
		}
	}
	for _, s := range declared {
		if !s.Required || hasInput(secrets, s.Name) {
			continue
		}
		if inherits {
			return nil, j.Secrets.Errorf("%s requires the secret %q, and there is none to inherit", w.File, s.Name)
		}
		return nil, j.CallErrorf("%s requires the secret %q: map it under secrets, or write secrets: inherit", w.File, s.Name)
	}
	return secrets, nil
}

// CallOutputs gives the outputs of the workflow for the job that called it.
// The scope has its jobs, with their results and outputs.
func (w *Workflow) CallOutputs(scope expression.Scope) (map[string]string, error) {
	outputs := make(map[string]string)
	e := w.Event(eventCall)
	if e == nil {
		return outputs, nil
	}
	for _, o := range e.Outputs {
		text, err := o.Value.EvalString(scope)
		if err != nil {
			return nil, err
		}
		outputs[o.Name] = text
	}
	return outputs, nil
}

// CanBeCalled tells whether the workflow is one for other workflows, by its
// on.
func (w *Workflow) CanBeCalled() bool { return w.Event(eventCall) != nil }

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

func unknownName(w *Workflow, what, name string, known []string) string {
	text := fmt.Sprintf("%s declares no %s %q", w.File, what, excerpt(name))
	if near := nearest(name, known); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	}
	return text
}

// or gives the value, or another one in place of an absent one.
func (v Value) or(other Value) Value {
	if v.IsZero() {
		return other
	}
	return v
}
