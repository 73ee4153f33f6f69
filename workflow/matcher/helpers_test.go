package matcher

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// demo is where the tools of the tests have run.
var demo = Paths{Workspace: "/job/work/demo"}

// load reads a matcher file of testdata.
func load(t testing.TB, name string) []*Matcher {
	t.Helper()
	return mustParse(t, read(t, name+".json"))
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustParse(t testing.TB, text string) []*Matcher {
	t.Helper()
	matchers, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return matchers
}

// single makes a matcher whose pattern has a message in its first group.
func single(t testing.TB, owner, expr string) []*Matcher {
	t.Helper()
	return mustParse(t, `{"problemMatcher": [{"owner": "`+owner+`", "pattern": [{"regexp": "`+
		strings.ReplaceAll(expr, `\`, `\\`)+`", "message": 1}]}]}`)
}

// owners scans lines and gives the owners of the issues, "-" for none.
func owners(s *Set, lines ...string) string {
	var all []string
	for _, line := range lines {
		owner := "-"
		if issue := s.Scan(line).Issue; issue != nil {
			owner = issue.Owner
		}
		all = append(all, owner)
	}
	return strings.Join(all, " ")
}
