package engine

import (
	"fmt"
	"slices"
	"strings"

	"multirunner/workflow/action"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// inputs evaluates the inputs of the action: what the step gives, then the
// defaults of those that it does not give. Names ignore case. That one is
// required is for the action to check (GitHub: ActionRunner.cs).
func (w *usesWork) inputs(r *stepRun) ([]model.Pair, error) {
	given, err := w.def.With.EvalMap(r.scope())
	if err != nil {
		return nil, err
	}
	inputs := make([]model.Pair, 0, len(given)+len(w.action.manifest.Inputs))
	for _, p := range given {
		if i := indexInput(inputs, p.Key); i >= 0 {
			inputs[i] = p
			continue
		}
		inputs = append(inputs, p)
	}
	for _, declared := range w.action.manifest.Inputs {
		if indexInput(inputs, declared.Name) >= 0 {
			continue
		}
		value, err := declared.Default.EvalString(r.job.scope(inActionInput, r))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.ref, err)
		}
		inputs = append(inputs, model.Pair{Key: declared.Name, Value: value})
	}
	return inputs, nil
}

func indexInput(inputs []model.Pair, name string) int {
	return slices.IndexFunc(inputs, func(p model.Pair) bool { return strings.EqualFold(p.Key, name) })
}

// warn tells of inputs that the action does not want, or not any more, in the
// first part that runs.
func (w *usesWork) warn(r *stepRun) {
	if w.warned || w.ref.Kind == action.Docker { // an image says nothing of its inputs
		return
	}
	w.warned = true
	valid := w.action.manifest.InputNames()
	if w.action.manifest.Runs.Using == action.DockerImage {
		valid = append(valid, "entryPoint", "args")
	}
	var unexpected []string
	for _, name := range w.def.With.Keys() {
		if input, ok := w.action.manifest.Input(name); ok {
			if input.Deprecation != "" {
				r.job.rows.warn(fmt.Sprintf("Input '%s' has been deprecated with message: %s", name, input.Deprecation))
			}
			continue
		}
		if !slices.ContainsFunc(valid, func(known string) bool { return strings.EqualFold(known, name) }) {
			unexpected = append(unexpected, name)
		}
	}
	if len(unexpected) > 0 {
		r.job.rows.warn(fmt.Sprintf("Unexpected input(s) '%s', valid inputs are ['%s']", strings.Join(unexpected, "', '"), strings.Join(valid, "', '")))
	}
}

// inputVariables gives the inputs as processes of the action get them.
func inputVariables(inputs []model.Pair) []variable {
	list := make([]variable, len(inputs))
	for i, p := range inputs {
		list[i] = variable{"INPUT_" + strings.ToUpper(strings.ReplaceAll(p.Key, " ", "_")), p.Value}
	}
	return list
}

// inputsObject gives the inputs as the steps of a composite action see them.
func inputsObject(inputs []model.Pair) expression.Value {
	pairs := make([]expression.Pair, len(inputs))
	for i, p := range inputs {
		pairs[i] = expression.Pair{Key: p.Key, Value: expression.String(p.Value)}
	}
	return expression.NewObject(pairs...)
}

// actionHeader opens the part's log as GitHub does: a closed group with what is
// used, its inputs and its env. A post part has one row.
func (r *stepRun) actionHeader(w *usesWork, inputs []model.Pair) {
	title := r.step.title(r.scope())
	if r.phase.part == partPost {
		r.job.rows.say("Post " + title + ": clean up after the job")
		return
	}
	var b strings.Builder
	b.WriteString("##[group]")
	run := "Run " + w.def.Uses.Text()
	if r.phase.part == partPre {
		b.WriteString("Pre ")
		if title != run {
			b.WriteString(title + ": ")
		}
	}
	b.WriteString(run)
	separator := "\nwith:"
	for _, p := range inputs {
		if p.Value != "" {
			b.WriteString(separator + "\n  " + p.Key + ": " + p.Value)
			separator = ""
		}
	}
	b.WriteString(r.envText())
	b.WriteString("\n##[endgroup]")
	r.job.rows.say(b.String())
}
