package exec

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newTestPrinter(out *bytes.Buffer, json bool) *printer {
	return &printer{out: out, json: json, now: func() time.Time { return time.Unix(0, 0).UTC() }}
}

func TestRowsAreShownAsTheServersViewerShowsThem(t *testing.T) {
	tests := map[string]struct {
		row, want string
		hidden    bool
	}{
		"plain":         {row: "hello", want: "hello"},
		"group":         {row: "##[group]Run make", want: "▸ Run make"},
		"end of group":  {row: "##[endgroup]", hidden: true},
		"error":         {row: "##[error]boom", want: "Error: boom"},
		"error command": {row: "::error::a.go:3: boom", want: "Error: a.go:3: boom"},
		"matcher":       {row: "::add-matcher::x.json", hidden: true},
		"in the middle": {row: "see ##[error]", want: "see ##[error]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := newTestPrinter(nil, false).render(test.row)
			if got != test.want || ok == test.hidden {
				t.Errorf("render(%q) = %q, %v", test.row, got, ok)
			}
		})
	}
}

func TestEveryLineCarriesJobAndStep(t *testing.T) {
	var out bytes.Buffer
	p := newTestPrinter(&out, false)
	p.row("ci.yml", "build", "Compile", time.Time{}, "cc main.c")
	p.row("ci.yml", "a-job-with-a-very-long-name-indeed-so-long", "and a step", time.Time{}, "x")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != "build · Compile | cc main.c" {
		t.Errorf("got %q", lines[0])
	}
	if prefix, _, _ := strings.Cut(lines[1], " |"); len([]rune(prefix)) != prefixMax {
		t.Errorf("prefix %q has %d characters", prefix, len([]rune(prefix)))
	}
}

func TestNamesStayInTheirLine(t *testing.T) {
	var out bytes.Buffer
	p := newTestPrinter(&out, false)
	name := "two\nlines \x1b[31mred\x1b[0m\r"
	p.row("ci.yml", name, name, time.Time{}, "x")
	p.summary([]outcome{{job: name, result: "failure", failed: name}})
	if text := out.String(); strings.Count(text, "\n") != 4 || strings.ContainsAny(text, "\r\x1b") {
		t.Errorf("got %q", text)
	}
}

func TestColoursOnlyWhenAskedFor(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		p := newTestPrinter(&out, false)
		p.colour = colour
		p.row("", "job", "", time.Time{}, "##[error]boom")
		p.summary([]outcome{{job: "job", result: "failure"}})
		if got := strings.Contains(out.String(), "\x1b["); got != colour {
			t.Errorf("colour %v: escape codes in output: %v", colour, got)
		}
	}
}

func TestJSONIsALinePerEvent(t *testing.T) {
	var out bytes.Buffer
	p := newTestPrinter(&out, true)
	p.note("%d jobs", 1)
	p.row("ci.yml", "build", "Compile", time.Unix(5, 0).UTC(), "cc \"main.c\"")
	p.jobDone("ci.yml", "build", "success", 1500*time.Millisecond)
	var got []record
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, r)
	}
	epoch := time.Unix(0, 0).UTC()
	want := []record{
		{Time: epoch, Event: "note", Text: "1 jobs"},
		{Time: time.Unix(5, 0).UTC(), Event: "row", Workflow: "ci.yml", Job: "build", Step: "Compile", Text: "cc \"main.c\""},
		{Time: epoch, Event: "done", Workflow: "ci.yml", Job: "build", Result: "success", Seconds: 1.5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSummaryTellsWhetherAllIsWell(t *testing.T) {
	for result, want := range map[string]bool{"success": true, "skipped": true, "failure": false, "cancelled": false} {
		var out bytes.Buffer
		got := newTestPrinter(&out, false).summary([]outcome{{job: "a", result: "success"}, {job: "b", result: result, failed: "Compile"}})
		if got != want {
			t.Errorf("summary with %s = %v", result, got)
		}
		if !strings.Contains(out.String(), result) {
			t.Errorf("no %q in %q", result, out.String())
		}
	}
}
