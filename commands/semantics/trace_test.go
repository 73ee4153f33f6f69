//go:build unix

package semantics

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

// trace keeps what a job reports. It stops the job at the row "ready".
type trace struct {
	stop    common.StopReason
	stopJob func()

	mu        sync.Mutex
	stopped   bool
	rows      []string
	outputs   map[string]string
	summaries map[int]string
	end       *runnerv1.TaskState
}

func newTrace() *trace {
	return &trace{outputs: map[string]string{}, summaries: map[int]string{}}
}

func (t *trace) Row(_ time.Time, content string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, content)
	if content == "ready" && t.stop != "" && !t.stopped {
		t.stopped = true
		t.stopJob()
	}
	return nil
}

func (t *trace) Rows() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.rows))
}

func (t *trace) State(*runnerv1.TaskState) error { return nil }

func (t *trace) Output(name, value string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outputs[name] = value
	return nil
}

func (t *trace) Summary(step int, markdown []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summaries[step] = string(markdown)
	return nil
}

func (t *trace) End(state *runnerv1.TaskState, _ string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = state
	return nil
}

// told are the rows without the groups that show what a step runs.
func (t *trace) told() []string {
	var told []string
	shown := false
	for _, row := range t.rows {
		group, opens := strings.CutPrefix(row, "##[group]")
		switch {
		case opens && (strings.HasPrefix(group, "Run ") || strings.HasPrefix(group, "Pre ")):
			shown = true
		case shown && row == "##[endgroup]":
			shown = false
		case !shown:
			told = append(told, row)
		}
	}
	return told
}

func short(r runnerv1.Result) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "RESULT_"))
}

// compare checks what became of a row.
func (r row) compare(t *testing.T, f *fixture) {
	t.Helper()
	log := strings.Join(f.trace.rows, "\n")
	want := r.result
	if want == "" {
		want = "success"
	}
	if got := short(f.trace.end.GetResult()); got != want {
		t.Errorf("the job is a %s, want %s; log:\n%s", got, want, log)
	}
	var results []string
	for _, s := range f.trace.end.GetSteps() {
		results = append(results, short(s.GetResult()))
	}
	if got := strings.Join(results, " "); got != r.want {
		t.Errorf("the steps' results are %q, want %q; log:\n%s", got, r.want, log)
	}
	told := f.trace.told()
	r.compareRows(t, told, log)
	for _, text := range r.not {
		if i := slices.IndexFunc(told, func(row string) bool { return strings.Contains(row, text) }); i >= 0 {
			t.Errorf("%q is in the row %q; log:\n%s", text, told[i], log)
		}
	}
	if r.output != nil && !maps.Equal(f.trace.outputs, r.output) {
		t.Errorf("outputs %q, want %q; log:\n%s", f.trace.outputs, r.output, log)
	}
}

func (r row) compareRows(t *testing.T, told []string, log string) {
	t.Helper()
	rest := told
	for _, want := range r.rows {
		i := slices.Index(rest, want)
		if i < 0 {
			t.Errorf("no row %q where it should be; log:\n%s", want, log)
			break
		}
		rest = rest[i+1:]
	}
	for _, text := range r.has {
		if !slices.ContainsFunc(told, func(row string) bool { return strings.Contains(row, text) }) {
			t.Errorf("no row with %q; log:\n%s", text, log)
		}
	}
}
