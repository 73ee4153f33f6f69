package matcher

import (
	"slices"
	"strings"
	"testing"
)

func TestTheMatcherThatWasAddedLastIsAskedFirst(t *testing.T) {
	var s Set
	s.Add(single(t, "first", `^(.*)$`))
	s.Add(single(t, "second", `^(e.*)$`))
	if got := owners(&s, "error", "other"); got != "second first" {
		t.Errorf("the matches are of %s", got)
	}
}

func TestOneFileKeepsItsOrder(t *testing.T) {
	var s Set
	s.Add(slices.Concat(single(t, "one", `^(e.*)$`), single(t, "two", `^(.*)$`)))
	if got := owners(&s, "error", "other"); got != "one two" {
		t.Errorf("the matches are of %s", got)
	}
}

func TestAnOwnerHasOneMatcher(t *testing.T) {
	var s Set
	s.Add(single(t, "tool", `^(old.*)$`))
	s.Add(single(t, "TOOL", `^(new.*)$`))
	if got := owners(&s, "old", "new"); got != "- TOOL" {
		t.Errorf("the matches are of %s", got)
	}
	if !s.Remove("Tool") || s.Remove("tool") {
		t.Error("Remove does not tell what it removed")
	}
	if got := owners(&s, "new"); got != "-" {
		t.Errorf("the matches are of %s", got)
	}
}

const stylish = `{"problemMatcher": [{"owner": "lint", "pattern": [
	{"regexp": "^(\\S.*)$", "file": 1}, {"regexp": "^  (\\d+) (.*)$", "line": 1, "message": 2, "loop": true}]}]}`

func TestLoops(t *testing.T) {
	var s Set
	s.Add(mustParse(t, stylish))
	files := func(lines ...string) string {
		var all []string
		for _, line := range lines {
			if issue := s.Scan(line).Issue; issue != nil {
				all = append(all, issue.File+":"+issue.Message)
			}
		}
		return strings.Join(all, " ")
	}
	if got := files("a.js", "  1 x", "  2 y", "b.js", "  3 z"); got != "a.js:x a.js:y b.js:z" {
		t.Errorf("the issues are %s", got)
	}
	if got := files("a.js", "  no number", "  1 x"); got != "" {
		t.Errorf("a line in between does not end the loop: %s", got)
	}
	if got := files("a.js"); got != "" {
		t.Error(got)
	}
	s.Reset()
	if got := files("  1 x"); got != "" {
		t.Errorf("the loop goes on after Reset: %s", got)
	}
}

func TestPatternsInARow(t *testing.T) {
	var s Set
	s.Add(mustParse(t, `{"problemMatcher": [{"owner": "x", "pattern": [
		{"regexp": "^A(.*)", "file": 1}, {"regexp": "^[AB](.*)", "code": 1}, {"regexp": "^C(.*)", "message": 1}]}]}`))
	tests := []struct{ lines, want string }{
		{"A1 B2 C3", "1/2/3"},
		{"A1 A2 B3 C4", "2/3/4"},
		{"A1 A2 C3", "1/2/3"},
		{"A1 x B2 C3", ""},
		{"A1 B2 x C3", ""},
		{"B1 C2", ""},
		{"A1 B2 C3 C4", "1/2/3"},
	}
	for _, test := range tests {
		s.Reset()
		var got []string
		for line := range strings.FieldsSeq(test.lines) {
			if i := s.Scan(line).Issue; i != nil {
				got = append(got, i.File+"/"+i.Code+"/"+i.Message)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, want %q", test.lines, got, test.want)
		}
	}
}

func TestAMatchMakesTheOthersForget(t *testing.T) {
	var s Set
	s.Add(mustParse(t, stylish))
	s.Add(single(t, "other", `^(other.*)$`))
	if got := owners(&s, "a.js", "other", "  1 x"); got != "- other -" {
		t.Errorf("the matches are of %s", got)
	}
}

// A match that makes no issue leaves the line to the next matcher.
func TestMatchesThatAreNoIssues(t *testing.T) {
	const file = `{"problemMatcher": [{"owner": "x", "severity": "WARNING", "pattern": [{"regexp": "^(?:(\\w+)!)? ?(.*)$", "severity": 1, "message": 2}]}]}`
	tests := []struct {
		line string
		want Severity
	}{
		{"error! m", Error}, {"Warning! m", Warning}, {"NOTICE! m", Notice}, {" m", Warning},
		{"info! m", ""}, {"error! ", ""}, {"error! \t", ""},
	}
	for _, test := range tests {
		var s Set
		s.Add(single(t, "next", "^(.*)$"))
		s.Add(mustParse(t, file))
		issue := s.Scan(test.line).Issue
		if issue == nil || test.want == "" && issue.Owner != "next" || test.want != "" && issue.Severity != test.want {
			t.Errorf("%q: %+v, want %q", test.line, issue, test.want)
		}
	}
}

func TestNumbersAreDigitsOnly(t *testing.T) {
	var s Set
	s.Add(mustParse(t, `{"problemMatcher": [{"owner": "x", "pattern": [{"regexp": "^(.*);(.*)$", "line": 1, "message": 2}]}]}`))
	for text, want := range map[string]int{"12": 12, "007": 7, "-1": 0, "1,2": 0, "": 0, "99999999999": 0, "2147483648": 0} {
		if issue := s.Scan(text + ";m").Issue; issue == nil || issue.Line != want {
			t.Errorf("line %q: %+v", text, issue)
		}
	}
}

func TestColoursDoNotCount(t *testing.T) {
	var s Set
	s.Add(single(t, "x", `^error: (.*)$`))
	issue := s.Scan("\x1b[31merror\x1b[0m: \x1b[1mboom\x1b[0m").Issue
	if issue == nil || issue.Message != "boom" || issue.Text != "error: boom" {
		t.Errorf("the issue is %+v", issue)
	}
}

func TestHugeLinesAreNotMatched(t *testing.T) {
	var s Set
	s.Add(mustParse(t, stylish))
	if got := owners(&s, "a.js", "  1 x", strings.Repeat("x", maxLine+1), "  1 x"); got != "- lint - -" {
		t.Errorf("the matches are of %s", got)
	}
}

func TestAMatcherThatTakesTooLongThreeTimesIsRemoved(t *testing.T) {
	slow, err := parse([]byte(`{"problemMatcher": [{"owner": "slow", "pattern": [{"regexp": "^((?:\\w+\\s?)+(?<=b)|x)$", "message": 1}]}]}`), fuzzTime)
	if err != nil {
		t.Fatal(err)
	}
	var s Set
	s.Add(single(t, "next", `^(.*)$`))
	s.Add(slow)
	long := strings.Repeat("a", 100)
	var warnings []string
	for i, want := range []string{"next", "next", "slow", "next", "next"} {
		line := long
		if want == "slow" {
			line = "x"
		}
		found := s.Scan(line)
		if found.Issue == nil || found.Issue.Owner != want {
			t.Errorf("line %d: %+v", i+1, found.Issue)
		}
		warnings = append(warnings, found.Warnings...)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], `"slow"`) {
		t.Errorf("the warnings are %q", warnings)
	}
	if s.Remove("slow") {
		t.Error("it is still there")
	}
}

func TestPaths(t *testing.T) {
	tests := []struct {
		claim, file, from, want string
		paths                   Paths
	}{
		{"relative", "src/a.c", "", "src/a.c", demo},
		{"with dots", "./src/../a.c", "", "a.c", demo},
		{"absolute", "/job/work/demo/src/a.c", "", "src/a.c", demo},
		{"outside", "/usr/include/stdio.h", "", "/usr/include/stdio.h", demo},
		{"outside by dots", "../other/a.c", "", "../other/a.c", demo},
		{"a neighbour with the same start", "/job/work/demo2/a.c", "", "/job/work/demo2/a.c", demo},
		{"the workspace itself", "/job/work/demo", "", "/job/work/demo", demo},
		{"from a project", "A.cs", "/job/work/demo/lib/lib.csproj", "lib/A.cs", demo},
		{"from a relative project", "../A.cs", "lib/x/lib.csproj", "lib/A.cs", demo},
		{"from a bare name", "A.cs", "lib.csproj", "A.cs", demo},
		{"absolute beats the project", "/job/work/demo/A.cs", "/job/work/demo/lib/lib.csproj", "A.cs", demo},
		{"windows", `src\a.c`, "", "src/a.c", Paths{`C:\w\demo`, true}},
		{"windows absolute", `c:/W/demo/src\a.c`, "", "src/a.c", Paths{`C:\w\demo`, true}},
		{"windows outside", `D:\w\demo\a.c`, "", `D:\w\demo\a.c`, Paths{`C:\w\demo`, true}},
		{"windows share", `\\host\w\a.c`, "", `\\host\w\a.c`, Paths{`C:\w\demo`, true}},
		{"windows project", `A.cs`, `C:\w\demo\lib\l.csproj`, `lib/A.cs`, Paths{`C:\w\demo`, true}},
		{"a backslash is a letter elsewhere", `a\b.c`, "", `a\b.c`, demo},
	}
	for _, test := range tests {
		if got := test.paths.Relative(test.file, test.from); got != test.want {
			t.Errorf("%s: %q from %q is %q, want %q", test.claim, test.file, test.from, got, test.want)
		}
	}
}

// FuzzScan feeds the same output to real matchers, in any order of lines.
func FuzzScan(f *testing.F) {
	var all []*Matcher
	for _, name := range []string{"gcc", "eslint-stylish", "go", "tsc", "python", "rustc", "csc"} {
		all = append(all, load(f, name)...)
		f.Add(read(f, name+".txt"))
	}
	f.Add("\x1b[31ma.c:1:2: error: \xff\x1b[0m\r\n  1:1  error  x  y")
	f.Fuzz(func(t *testing.T, text string) {
		var s Set
		s.Add(all)
		for line := range strings.SplitSeq(text, "\n") {
			found := s.Scan(line)
			issue := found.Issue
			if len(found.Warnings) > 0 {
				t.Errorf("warnings %q", found.Warnings)
			}
			if issue == nil {
				continue
			}
			if strings.TrimSpace(issue.Message) == "" || issue.Line < 0 || issue.Column < 0 || issue.Owner == "" {
				t.Errorf("%q: %+v", line, issue)
			}
			if row := issue.Row(demo); strings.Contains(row, "\n") || !strings.Contains(row, strings.TrimSpace(issue.Text)) {
				t.Errorf("%q: row %q", line, row)
			}
		}
	})
}
