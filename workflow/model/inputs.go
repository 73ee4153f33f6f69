package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"multirunner/workflow/expression"
)

// TypedInputs gives the inputs context for an event: given holds the event's
// inputs (from workflow_dispatch all are strings), the workflow declares their
// types. What is not given gets its default, or else false, 0 or "". Inputs
// that are not declared stay as they are. Null gives an empty object for events
// without inputs.
//
// A default that is an expression is an error here: the server evaluates it
// before it sends the event.
func (w *Workflow) TypedInputs(event string, given expression.Value) (expression.Value, error) {
	if k := given.Kind(); k != expression.KindObject && k != expression.KindNull {
		return expression.Null, &Error{File: w.File, Message: fmt.Sprintf("the inputs of event %q must be a mapping, not a value of type %s", event, k)}
	}
	var pairs []expression.Pair
	declared := w.declaredInputs(event)
	for _, in := range declared {
		value, ok := given.Get(in.Name)
		typed, err := in.typed(value, ok)
		if err != nil {
			return expression.Null, in.fault(w.File, event, err)
		}
		pairs = append(pairs, expression.Pair{Key: in.Name, Value: typed})
	}
	for _, p := range pairsOf(given) {
		if !slices.ContainsFunc(declared, func(in Input) bool { return strings.EqualFold(in.Name, p.Key) }) {
			pairs = append(pairs, p)
		}
	}
	return expression.NewObject(pairs...), nil
}

func (w *Workflow) declaredInputs(event string) []Input {
	if e := w.Event(event); e != nil {
		return e.Inputs
	}
	return nil
}

func (in *Input) fault(file, event string, err error) error {
	return &Error{File: file, Line: in.Line, Key: "on." + event + ".inputs." + in.Name, Message: err.Error(), Err: err}
}

// typed converts what is given. Empty strings count as not given, except for
// strings themselves.
func (in *Input) typed(value expression.Value, given bool) (expression.Value, error) {
	empty := value.Kind() == expression.KindString && strings.TrimSpace(value.Text()) == ""
	if given && value.Kind() != expression.KindNull && (in.isText() || !empty) {
		return in.convert(value)
	}
	if in.Default.IsExpression() {
		return expression.Null, errors.New("the default is an expression, and no value is given")
	}
	if !in.Default.IsNull() {
		return in.convert(expression.String(in.Default.Text()))
	}
	switch in.Type {
	case InputBoolean:
		return expression.False, nil
	case InputNumber:
		return expression.Number(0), nil
	}
	return expression.String(""), nil
}

func (in *Input) isText() bool { return in.Type != InputBoolean && in.Type != InputNumber }

// convert gives a value the type of the input.
func (in *Input) convert(value expression.Value) (expression.Value, error) {
	text := strings.TrimSpace(value.Text())
	switch {
	case !primitive(value):
		return expression.Null, fmt.Errorf("must be a %s, not a value of type %s", in.Type, value.Kind())
	case in.isText():
		return expression.String(value.Text()), nil
	case in.Type == InputBoolean && strings.EqualFold(text, "true"):
		return expression.True, nil
	case in.Type == InputBoolean && strings.EqualFold(text, "false"):
		return expression.False, nil
	case in.Type == InputNumber && value.Kind() != expression.KindBoolean:
		if f := value.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return expression.Number(f), nil
		}
	}
	return expression.Null, fmt.Errorf("must be a %s, not %s", in.Type, shown(value.Text()))
}

// CheckInputs tells, before a run is started, what is wrong with the inputs
// that somebody gives: unknown names, missing required ones, values that are
// not of the type or not among the options. All faults are in the error.
func (w *Workflow) CheckInputs(event string, given map[string]string) error {
	declared := w.declaredInputs(event)
	var faults []error
	used := map[string]bool{}
	for _, in := range declared {
		for name, value := range given {
			if strings.EqualFold(name, in.Name) {
				used[name] = true
				faults = append(faults, in.check(value))
			}
		}
		if in.Required && in.Default.IsNull() && !hasInput(given, in.Name) {
			faults = append(faults, fmt.Errorf("input %q is required", in.Name))
		}
	}
	return errors.Join(append(faults, unknownInputs(event, declared, given, used)...)...)
}

func hasInput(given map[string]string, name string) bool {
	for key := range given {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

func (in *Input) check(value string) error {
	if in.Type == InputChoice && !slices.Contains(in.Options, value) {
		return fmt.Errorf("input %q must be one of %s, not %q", in.Name, strings.Join(in.Options, ", "), excerpt(value))
	}
	if _, err := in.typed(expression.String(value), true); err != nil {
		return fmt.Errorf("input %q %w", in.Name, err)
	}
	return nil
}

func unknownInputs(event string, declared []Input, given map[string]string, used map[string]bool) []error {
	var names, unknown []string
	for _, in := range declared {
		names = append(names, in.Name)
	}
	for name := range given {
		if !used[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	var faults []error
	for _, name := range unknown {
		text := fmt.Sprintf("%s declares no input %q", event, name)
		if near := nearest(name, names); near != "" {
			text += fmt.Sprintf(", did you mean %q?", near)
		}
		faults = append(faults, errors.New(text))
	}
	return faults
}
