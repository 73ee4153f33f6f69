package model

import (
	"multirunner/workflow/expression"
)

// Target is where a job wants to run: every label must match.
type Target struct {
	Group  string
	Labels []string
}

// EvalRunsOn evaluates the runs-on of a job: a label, a list of labels, or a
// mapping of group and labels; an expression may give any of them. A job
// without runs-on gives an empty Target.
func (j *Job) EvalRunsOn(scope expression.Scope) (Target, error) {
	v := j.RunsOn
	if v.IsMapping() {
		return target(v.Get("group"), v.Get("labels"), scope)
	}
	if !v.IsExpression() {
		labels, err := labels(v, scope)
		return Target{Labels: labels}, err
	}
	got, err := v.Eval(scope)
	if err != nil {
		return Target{}, err
	}
	if got.Kind() != expression.KindObject {
		labels, err := labelsOf(v, got)
		return Target{Labels: labels}, err
	}
	group, _ := got.Get("group")
	if !primitive(group) {
		return Target{}, v.Errorf("group must be a text, not a value of type %s", group.Kind())
	}
	t := Target{Group: group.Text()}
	if list, ok := got.Get("labels"); ok {
		t.Labels, err = labelsOf(v, list)
	}
	return t, err
}

func target(group, list Value, scope expression.Scope) (t Target, err error) {
	if t.Group, err = group.EvalString(scope); err != nil {
		return Target{}, err
	}
	t.Labels, err = labels(list, scope)
	return t, err
}

// labels evaluates a label or a list of them. Labels without expressions are
// what is written: 22.10 is no number here.
func labels(v Value, scope expression.Scope) ([]string, error) {
	if v.IsNull() {
		return nil, nil
	}
	if v.IsExpression() {
		got, err := v.Eval(scope)
		if err != nil {
			return nil, err
		}
		return labelsOf(v, got)
	}
	items := v.Items()
	if v.IsScalar() {
		items = []Value{v}
	}
	var found []string
	for _, item := range items {
		label, err := item.EvalString(scope)
		if err != nil {
			return nil, err
		}
		if label == "" {
			return nil, item.Errorf("a label must not be empty")
		}
		found = append(found, label)
	}
	return found, nil
}

// labelsOf gives the labels that an expression stands for.
func labelsOf(v Value, got expression.Value) ([]string, error) {
	items := got.Items()
	if primitive(got) {
		items = []expression.Value{got}
	} else if got.Kind() == expression.KindObject {
		return nil, v.Errorf("must give a label or a list of labels, not a value of type %s", got.Kind())
	}
	var found []string
	for _, item := range items {
		if !primitive(item) || item.Text() == "" {
			return nil, v.Errorf("the expression gives a label that is not a text or is empty")
		}
		found = append(found, item.Text())
	}
	return found, nil
}
