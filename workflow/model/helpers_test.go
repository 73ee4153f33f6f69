package model

import (
	"strings"
	"testing"

	"multirunner/workflow/expression"
)

// parse parses a workflow that the test takes for a good one.
func parse(t *testing.T, source string) *Workflow {
	t.Helper()
	w, err := Parse("x.yml", []byte(source))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return w
}

// scope gives contexts, and status functions as in a job where all went well.
func scope(contexts map[string]any) expression.Scope {
	constant := func(v expression.Value) expression.Function {
		return expression.Function{Call: func([]expression.Value) (expression.Value, error) { return v, nil }}
	}
	return expression.ScopeOf(expression.FromAny(contexts), map[string]expression.Function{
		"success":   constant(expression.True),
		"always":    constant(expression.True),
		"failure":   constant(expression.False),
		"cancelled": constant(expression.False),
	})
}

// block wraps lines of a job into a workflow in block style: they begin at line 4.
func block(lines ...string) string {
	return "on: push\njobs:\n  a:\n    " + strings.Join(lines, "\n    ") + "\n"
}

// value parses one value as a job's env, so that it may be anything.
func value(t *testing.T, source string) Value {
	t.Helper()
	root, err := load("x.yml", "a workflow", []byte("v: "+source))
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return Value{node: root, at: &place{file: "x.yml", job: "a", step: 2}}.Get("v")
}

// compact gives a value as JSON without white space outside of strings.
func compact(v expression.Value) string {
	var b strings.Builder
	quoted := false
	json := v.JSON()
	for i, c := range json {
		if c == '"' && (i == 0 || json[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && (c == ' ' || c == '\n') {
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
