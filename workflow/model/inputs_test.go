package model

import (
	"strings"
	"testing"

	"multirunner/workflow/expression"
)

const inputsWorkflow = `
on:
  push:
  workflow_dispatch:
    inputs:
      flag: {type: boolean, default: true}
      num: {type: number, default: 3}
      text: {default: 1.10}
      kind: {type: choice, options: [a, b], default: a}
      env: {type: environment}
      plain:
  workflow_call:
    inputs:
      n: {type: number, required: true}
      b: {type: boolean}
      s: {type: string}
      e: {type: string, default: "${{ github.ref }}"}
jobs: {a: {runs-on: x, steps: [{run: x}]}}
`

func TestInputsAreTypedAsDeclared(t *testing.T) {
	w := parse(t, inputsWorkflow)
	for name, tt := range map[string]struct {
		event string
		given any
		want  string
	}{
		"strings of a dispatch": {"workflow_dispatch", map[string]any{"flag": "false", "num": "4.5", "text": "t", "kind": "b", "env": "prod", "plain": "7"},
			`{"flag":false,"num":4.5,"text":"t","kind":"b","env":"prod","plain":"7"}`},
		"defaults": {"workflow_dispatch", map[string]any{}, `{"flag":true,"num":3,"text":"1.10","kind":"a","env":"","plain":""}`},
		"empty strings are defaults only for what is no text": {"workflow_dispatch", map[string]any{"flag": "", "num": " ", "text": ""},
			`{"flag":true,"num":3,"text":"","kind":"a","env":"","plain":""}`},
		"no inputs at all": {"workflow_dispatch", nil, `{"flag":true,"num":3,"text":"1.10","kind":"a","env":"","plain":""}`},
		"undeclared ones stay": {"workflow_dispatch", map[string]any{"other": "5", "FLAG": "TRUE"},
			`{"flag":true,"num":3,"text":"1.10","kind":"a","env":"","plain":"","other":"5"}`},
		"a call has typed ones":      {"workflow_call", map[string]any{"n": 5, "b": true, "s": 1, "e": "x"}, `{"n":5,"b":true,"s":"1","e":"x"}`},
		"a call has empty values":    {"workflow_call", map[string]any{"e": ""}, `{"n":0,"b":false,"s":"","e":""}`},
		"another event has none":     {"push", nil, `{}`},
		"an event that is not there": {"release", map[string]any{"x": 1}, `{"x":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.TypedInputs(tt.event, expression.FromAny(tt.given))
			if err != nil || compact(got) != tt.want {
				t.Errorf("got %s, %v, want %s", compact(got), err, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct {
		event string
		given any
		want  string
	}{
		"no boolean":     {"workflow_dispatch", map[string]any{"flag": "1"}, `x.yml:6: on.workflow_dispatch.inputs.flag: must be a boolean, not "1"`},
		"no number":      {"workflow_dispatch", map[string]any{"num": "x"}, `x.yml:7: on.workflow_dispatch.inputs.num: must be a number, not "x"`},
		"a list":         {"workflow_call", map[string]any{"s": []any{1}}, `on.workflow_call.inputs.s: must be a string, not a value of type Array`},
		"open default":   {"workflow_call", nil, `on.workflow_call.inputs.e: the default is an expression, and no value is given`},
		"no mapping":     {"workflow_dispatch", "x", `x.yml: the inputs of event "workflow_dispatch" must be a mapping, not a value of type String`},
		"number of bool": {"workflow_call", map[string]any{"n": true}, `must be a number, not "true"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.TypedInputs(tt.event, expression.FromAny(tt.given)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCheckInputsTellsWhatIsWrongBeforeARun(t *testing.T) {
	w := parse(t, inputsWorkflow)
	for name, tt := range map[string]struct {
		event string
		given map[string]string
		want  string
	}{
		"good": {"workflow_dispatch", map[string]string{"flag": "false", "KIND": "b"}, ""},
		"none": {"push", nil, ""},
		"all that is wrong": {"workflow_dispatch", map[string]string{"flag": "maybe", "kind": "c", "nmu": "1", "zzzzzz": ""},
			"input \"flag\" must be a boolean, not \"maybe\"\ninput \"kind\" must be one of a, b, not \"c\"\n" +
				"workflow_dispatch declares no input \"nmu\", did you mean \"num\"?\nworkflow_dispatch declares no input \"zzzzzz\""},
		"required":       {"workflow_call", map[string]string{}, `input "n" is required`},
		"no such inputs": {"push", map[string]string{"x": "1"}, `push declares no input "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := w.CheckInputs(tt.event, tt.given); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
