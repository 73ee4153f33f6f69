package model

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/encoding/protojson"
)

// FuzzParse holds that no input makes Parse panic, that what it takes can be
// planned and sent, and that what is sent is a workflow with the same steps.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/task-matrix.json")
	if err != nil {
		f.Fatal(err)
	}
	var response runnerv1.FetchTaskResponse
	if err := protojson.Unmarshal(data, &response); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(response.Task.WorkflowPayload), wholeWorkflow, recordedSource, inputsWorkflow, bomb(10),
		block("strategy: {matrix: {a: [1, 2], exclude: [{a: 1}], include: [{b: 2}]}}", "steps: [{run: 'x ${{ 1 }}'}]"),
		"on: push\nx: &x {runs-on: x, steps: [{run: |\n  y\n}]}\njobs: {a: *x, b: {<<: *x, env: ~}}",
		"on: push\njobs: {a: {steps: [{run: !!str 1}]}}", "- a", "", "\xff\xfe", "a: &a [*a]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		w, err := Parse("x.yml", source)
		if err != nil {
			_ = err.Error()
			return
		}
		_, _ = Order(w.Jobs)
		for _, event := range w.On {
			_ = w.CheckInputs(event.Name, nil)
		}
		for _, job := range w.Jobs[:min(3, len(w.Jobs))] {
			checkJob(t, w, job)
		}
	})
}

func checkJob(t *testing.T, w *Workflow, job *Job) {
	t.Helper()
	opts := MarshalOptions{}
	if plan, err := Expand(job.Strategy, scope(nil)); err == nil {
		opts.Matrix = plan.Combinations[0].Values
	}
	_, _ = job.EvalRunsOn(scope(nil))
	for _, opts.KeepAll = range []bool{true, false} {
		data, err := w.MarshalJob(job, opts)
		if err != nil {
			if opts.KeepAll {
				t.Fatalf("cannot be sent: %v", err)
			}
			continue
		}
		again, err := Parse("payload", data)
		if err != nil {
			t.Fatalf("what is sent is no workflow: %v\n%s", err, data)
		}
		if lines := w.Source(job, opts).Lines; opts.KeepAll && len(lines) != len(flatten(nil, again.root)) {
			t.Fatalf("%d lines are known of:\n%s", len(lines), data)
		}
		if len(again.Jobs) != 1 || again.Jobs[0].ID != job.ID || len(again.Jobs[0].Steps) != len(job.Steps) {
			t.Fatalf("what is sent is another job than %q with %d steps:\n%s", job.ID, len(job.Steps), data)
		}
		for i, step := range job.Steps {
			if got := again.Jobs[0].Steps[i]; got.Run.Text() != step.Run.Text() || got.ID != step.ID || got.Uses.Text() != step.Uses.Text() {
				t.Fatalf("step %d became run %q, uses %q from run %q, uses %q:\n%s", i+1, got.Run.Text(), got.Uses.Text(), step.Run.Text(), step.Uses.Text(), data)
			}
		}
	}
}

// FuzzTextsSurviveAPayload holds that any text is read as it was written, in
// every style that MarshalJob may ask for.
func FuzzTextsSurviveAPayload(f *testing.F) {
	for _, seed := range []string{
		"", " ", "\n", "a\n", "a\n\n", "\na", " a\n  b\n", "a \n", "\ta\n", "a\r\nb\r", "${{ 'x' }}", "it's ${{ \"", "\u0085\u2028\ufeff", "---\n", "# x", "!x",
		"&a", "0x1F", "1:30", "~", "<<", "=", "é\x00", "- a\n- b\n", "a: b", "'", "\"", "\\", "{}", "%YAML", "@", "`", "a #b", "a:\n", strings.Repeat("word ", 50),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		for _, style := range []yaml.Style{0, yaml.LiteralStyle, yaml.FoldedStyle, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle} {
			for _, flow := range []yaml.Style{0, yaml.FlowStyle} {
				root := buildFrom(nil)
				root.node.Style = flow
				n := textNode(text)
				n.Style = style
				root.set("k", n)
				data, err := dump(root.node)
				if err != nil {
					t.Fatalf("%q cannot be written: %v", text, err)
				}
				back, err := load("x", "a workflow", data)
				if err != nil {
					t.Fatalf("%q cannot be read: %v\n%s", text, err, data)
				}
				if got := back.Content[1]; got.Value != text || got.Tag != tagStr {
					t.Fatalf("style %d: %q became %s %q:\n%s", style, text, got.Tag, got.Value, data)
				}
			}
		}
	})
}
