package matcher

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestReportsOfRealTools(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d matcher files, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			var s Set
			s.Add(load(t, name))
			got := report(&s, read(t, name+".txt"))
			if want := read(t, name+".want"); got != want {
				t.Errorf("issues:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// report gives each issue with the line it ends in, and its row.
func report(s *Set, output string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(output, "\n"), "\n") {
		if issue := s.Scan(line).Issue; issue != nil {
			fmt.Fprintf(&b, "%d %s %s:%d:%d [%s] %s\n  %s\n", i+1, issue.Severity, demo.Relative(issue.File, issue.FromPath),
				issue.Line, issue.Column, issue.Code, issue.Message, issue.Row(demo))
		}
	}
	return b.String()
}

// All registered at once, each tool's report is still found.
func TestMatchersDoNotHideEachOther(t *testing.T) {
	var s Set
	for _, name := range []string{"gcc", "go", "tsc", "python", "csc"} {
		s.Add(load(t, name))
	}
	for _, name := range []string{"gcc", "tsc", "python", "csc"} {
		if got, want := report(&s, read(t, name+".txt")), read(t, name+".want"); got != want {
			t.Errorf("%s: issues:\n%s\nwant:\n%s", name, got, want)
		}
	}
}
