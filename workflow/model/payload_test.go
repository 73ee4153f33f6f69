package model

import (
	"errors"
	"strings"
	"testing"

	"multirunner/workflow/expression"
)

const sourceOfLines = `# a comment
on: push
x: &env {A: "1"}

jobs:
  other: {runs-on: x, steps: [{run: x}]}
  a:
    name: A ${{ matrix.n }}
    runs-on: x

    strategy: {matrix: {n: [1, 2]}}
    env: *env
    steps:
      -
      - run: one
      - run: |
          two
          ${{ fromJSON('{') }}
        env:

          B: ${{ nonsense }}
`

// payloadOfLines is the task for the first combination.
func payloadOfLines(t *testing.T) (*Workflow, []byte, Source) {
	t.Helper()
	w, err := Parse("dir/x.yml", []byte(sourceOfLines))
	if err != nil {
		t.Fatal(err)
	}
	job := w.Job("a")
	opts := MarshalOptions{KeepAll: true, Name: "A 1", RunsOn: []string{"x"}, Matrix: expression.NewObject(expression.Pair{Key: "n", Value: expression.Number(1)})}
	payload, err := w.MarshalJob(job, opts)
	if err != nil {
		t.Fatal(err)
	}
	return w, payload, ParseSource(w.Source(job, opts).Text())
}

func TestErrorsOfAPayloadTellTheLinesOfItsSource(t *testing.T) {
	_, payload, source := payloadOfLines(t)
	w, err := ParsePayload("payload of task 7", payload, source)
	if err != nil {
		t.Fatal(err)
	}
	job := w.Jobs[0]
	for what, test := range map[string]struct {
		v    Value
		line int
	}{
		"name": {job.Name, 8}, "matrix": {job.Strategy.Matrix.Get("n"), 11}, "env": {job.Env, 3},
		"the first step": {job.Steps[0].Run, 15}, "the second": {job.Steps[1].Run, 16}, "its env": {job.Steps[1].Env.Get("B"), 21},
	} {
		if got := test.v.Line(); got != test.line {
			t.Errorf("%s stands in line %d, want %d", what, got, test.line)
		}
	}
	_, err = job.Steps[1].Env.EvalMap(scope(nil))
	if err == nil || !strings.HasPrefix(err.Error(), `dir/x.yml:21: job "a": step 2: env.B: `) {
		t.Errorf("the error is %v", err)
	}
}

func TestErrorsOfAPayloadWithoutASourceTellNoLine(t *testing.T) {
	_, payload, source := payloadOfLines(t)
	source.Lines = source.Lines[1:]
	for _, from := range []Source{{}, source, ParseSource("nonsense"), ParseSource("")} {
		w, err := ParsePayload("payload of task 7", payload, from)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Jobs[0].Steps[1].Run.EvalString(scope(nil))
		if err == nil || !strings.HasPrefix(err.Error(), `payload of task 7: job "a": step 2: run: `) {
			t.Errorf("the error is %v", err)
		}
		for _, warning := range w.Warnings {
			if warning.Line != 0 {
				t.Errorf("a warning has a line: %v", warning)
			}
		}
	}
	var fault *Error
	if _, err := ParsePayload("payload of task 7", []byte("on: push\njobs: [\n"), Source{}); !errors.As(err, &fault) || fault.Line == 0 {
		t.Errorf("what is no YAML has no line: %v", err)
	}
}
