package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multirunner/common"
)

const (
	compiler = `{"problemMatcher": [{"owner": "cc", "pattern": [{
		"regexp": "^(.+):(\\d+):(\\d+): (error|warning|notice|info): (.*)$",
		"file": 1, "line": 2, "column": 3, "severity": 4, "message": 5}]}]}`
	linter = `{"problemMatcher": [{"owner": "lint", "pattern": [
		{"regexp": "^(\\S.*\\.js)$", "file": 1},
		{"regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning)\\s+(.*)$", "line": 1, "column": 2, "severity": 3, "message": 4, "loop": true}]}]}`
)

// matcherBench is a job with files in its directories, by path below them.
func matcherBench(t *testing.T, list string, files map[string]string) *bench {
	b := newBench(t, steps(list))
	b.spec.Dirs.Actions, b.spec.Dirs.Tools = t.TempDir(), t.TempDir()
	for name, text := range files {
		b.putFile(name, text)
	}
	return b
}

// putFile writes a file: work/…, temp/… and home/… of the build, actions/….
func (b *bench) putFile(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.spec.Dirs.Build, name)
	if below, ok := strings.CutPrefix(name, "actions/"); ok {
		path = filepath.Join(b.spec.Dirs.Actions, below)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func TestProblemMatchersMarkLines(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out a.c:1:2: error: before
		    out ::add-matcher::.github/cc.json
		    out src/a.c:1:2: error: boom
		    err src/a.c:3:4: warning: careful
		    out /job/work/demo/b.c:5:6: notice: well
		    out b.c:5:6: info: no severity
		    raw "\x1b[1ma.c:7:8:\x1b[0m error: in colour\n"
		    out done
		- run: |
		    out a.c:1:2: error: in a later step
		    out ##[remove-matcher owner=CC;]
		    out a.c:1:2: error: after
	`, map[string]string{"work/.github/cc.json": compiler}).run()
	b.wantResult(success)
	b.wantRows(0, "a.c:1:2: error: before", "##[error]src/a.c:1:2: error: boom", "##[warning]src/a.c:3:4: warning: careful",
		"##[notice]/job/work/demo/b.c:5:6: notice: well", "b.c:5:6: info: no severity", "##[error]a.c:7:8: error: in colour", "done")
	b.wantRows(1, "##[error]a.c:1:2: error: in a later step", "a.c:1:2: error: after")
}

func TestRowsOfSeveralLinesSayThePlace(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out ::add-matcher::lint.json
		    out /job/work/demo/src/a.js
		    raw "  1:2  error  boom\n  3:4  warning  careful\n"
		    out /usr/lib/b.js
		    raw "  5:6  error  elsewhere\n"
		    out /job/work/demo/src/c.js
		- run: raw "  7:8  error  not of the step before\n"
	`, map[string]string{"work/lint.json": linter}).run()
	b.wantRows(0, "/job/work/demo/src/a.js", "##[error]src/a.js: 1:2  error  boom", "##[warning]src/a.js: 3:4  warning  careful",
		"/usr/lib/b.js", "##[error]/usr/lib/b.js: 5:6  error  elsewhere", "/job/work/demo/src/c.js")
	b.wantRows(1, "  7:8  error  not of the step before")
}

func TestProblemsAreMasked(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out ::add-matcher::cc.json
		    out ::add-matcher::lint.json
		    out s3cr3t-value.c:1:2: error: s3cr3t-value
		    out s3cr3t-value.js
		    raw "  1:2  error  s3cr3t-value\n"
	`, map[string]string{"work/cc.json": compiler, "work/lint.json": linter}).run()
	b.wantRows(0, "##[error]***.c:1:2: error: ***", "***.js", "##[error]***.js: 1:2  error  ***")
}

func TestStoppedCommandsStopNoMatchers(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out ::add-matcher::cc.json
		    out ::stop-commands::token-12345
		    out a.c:1:2: error: boom
		    out ::remove-matcher owner=cc::
		    out a.c:3:4: error: still
	`, map[string]string{"work/cc.json": compiler}).run()
	b.wantRows(0, "##[error]a.c:1:2: error: boom", "::remove-matcher owner=cc::", "##[error]a.c:3:4: error: still")
}

func TestLateOutputIsNotMatched(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out ::add-matcher::cc.json
		    late a.c:1:2: error: late
		- run: out x
	`, map[string]string{"work/cc.json": compiler}).run()
	b.wantRow("a.c:1:2: error: late")
	b.wantNoRow("##[error]a.c")
}

func TestMatcherFilesOfTheJobsDirectories(t *testing.T) {
	b := matcherBench(t, "- run: out x", nil)
	for _, name := range []string{"work/m.json", "work/a/m.json", "temp/m.json", "home/m.json", "actions/o/r/m.json"} {
		b.putFile(name, compiler)
	}
	for _, path := range []string{
		"m.json", "./a/../m.json", "a/m.json", "/job/work/demo/a/m.json", "/job/temp/m.json", "/job/home/m.json",
		filepath.ToSlash(filepath.Join(b.spec.Dirs.Actions, "o/r/m.json")),
	} {
		c := *b
		c.executor, c.trace = newFake(), newTrace()
		c.task.WorkflowPayload = []byte(steps("- run: |\n    out ::add-matcher::" + path + "\n    out a.c:1:2: error: boom"))
		c.job = nil
		c.run()
		c.wantRows(0, "##[error]a.c:1:2: error: boom")
	}
}

func TestMatcherFilesThatCannotBeUsedFailTheStep(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "out.json")
	if err := os.WriteFile(outside, []byte(compiler), 0o600); err != nil {
		t.Fatal(err)
	}
	b := matcherBench(t, "- run: out x", map[string]string{
		"work/faulty.json": `{"problemMatcher": [{"owner": "cc", "pattern": [{"regexp": "(", "message": 0}]}]}`,
		"work/text.json":   "\nno JSON", "work/dir/x": "", "work/large.json": strings.Repeat(" ", 1<<20+1),
	})
	link := filepath.Join(b.spec.Dirs.Build, "work", "link.json")
	if err := os.Symlink(outside, link); err != nil {
		t.Skip(err)
	}
	tests := []struct{ path, want string }{
		{"missing.json", "no such file"}, {"faulty.json", `"cc", pattern 1`}, {"text.json", "line 2"}, {"dir", "regular"},
		{"large.json", "1MiB"}, {"link.json", "escapes"}, {filepath.ToSlash(outside), "put it there"}, {"../../etc/passwd", "put it there"},
		{"/etc/passwd", "put it there"}, {"/job/work/demo", "put it there"},
	}
	for _, test := range tests {
		c := *b
		c.executor, c.trace = newFake(), newTrace()
		c.task.WorkflowPayload = []byte(steps("- run: out ::add-matcher::" + test.path))
		c.job = nil
		c.run()
		c.wantResults("failure")
		c.wantRow("##[error]", test.path, test.want)
		c.wantNoRow(b.spec.Dirs.Build)
	}
}

func TestMatcherFilesOfAWorkspaceInPlace(t *testing.T) {
	b := matcherBench(t, "- run: |\n    out ::add-matcher::m.json\n    out a.c:1:2: error: boom", nil)
	source := t.TempDir()
	b.spec.Workspace = common.Workspace{Mode: common.WorkspaceInPlace, Source: source}
	if err := os.WriteFile(filepath.Join(source, "m.json"), []byte(compiler), 0o600); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.wantRows(0, "##[error]a.c:1:2: error: boom")
}

func TestMatcherCommandsWithoutWhatTheyNeedAreWarnedOf(t *testing.T) {
	b := matcherBench(t, `
		- run: |
		    out ::add-matcher::
		    out ::remove-matcher::
		    out ::remove-matcher owner=cc::cc.json
		    out ::add-matcher::cc.json
		    out ::remove-matcher::cc.json
		    out a.c:1:2: error: boom
	`, map[string]string{"work/cc.json": compiler}).run()
	b.wantResult(success)
	if rows := b.stepRows(0); len(rows) != 4 || rows[3] != "a.c:1:2: error: boom" || strings.Count(b.text(), "##[warning]") != 3 {
		t.Errorf("rows %q", rows)
	}
}

func TestDebugSaysWhichMatchersThereAre(t *testing.T) {
	b := matcherBench(t, "- run: out ::add-matcher::cc.json", map[string]string{"work/cc.json": compiler})
	b.task.Secrets["ACTIONS_STEP_DEBUG"] = "true"
	b.run()
	b.wantRow("##[debug]", `"cc"`)
}

func TestNothingOfALongMessageIsLost(t *testing.T) {
	long := strings.Repeat("é", 4000) + "s3cr3t-value" + strings.Repeat("x", 200)
	b := runPayload(t, steps("- run: |\n    out ::error file=a.c::"+long+"%0Asecond\n    out ::debug::"+long+"\n    out "+long))
	b.wantRows(0, "##[error]a.c: "+strings.Repeat("é", 4000)+"***"+strings.Repeat("x", 93), strings.Repeat("x", 107), "second", strings.ReplaceAll(long, "s3cr3t-value", "***"))
}

func TestEveryAnnotationIsLogged(t *testing.T) {
	b := runPayload(t, steps("- run: |\n"+strings.Repeat("    out ::error::x\n    out ::warning::y\n", 15)))
	if text := b.text(); strings.Count(text, "##[error]x") != 15 || strings.Count(text, "##[warning]y") != 15 {
		t.Errorf("rows:\n%s", text)
	}
}

// BenchmarkOutputWithMatchers is 200,000 lines with 50 secrets and two
// matchers; one line in a hundred is a command, has a secret or is a problem.
func BenchmarkOutputWithMatchers(b *testing.B) {
	const lines, chunk = 200_000, 32 << 10
	var text strings.Builder
	for i := range lines {
		switch i % 100 {
		case 0:
			fmt.Fprintf(&text, "line %d with the secret number-7-of-the-benchmark in it\n", i)
		case 1:
			fmt.Fprintf(&text, "::notice file=a.go,line=%d::a command\n", i)
		case 2:
			fmt.Fprintf(&text, "src/module%d/file.c:%d:7: warning: unused variable 'x'\n", i%97, i)
		default:
			fmt.Fprintf(&text, "line %d: compiled module example.org/thing/number/%d in %d ms\n", i, i%977, i%31)
		}
	}
	data := []byte(text.String())
	for b.Loop() {
		t := newBench(b, steps("- run: out x"))
		t.build()
		for i := range 50 {
			t.masker.Add(fmt.Sprintf("number-%d-of-the-benchmark", i))
		}
		t.putFile("work/cc.json", compiler)
		t.putFile("work/lint.json", linter)
		out := newStepOutput(newStepRun(t.job, &phase{step: newStep(nil, t.job.frame, -1, "x", nil)})).stream()
		out.Write([]byte("::add-matcher::cc.json\n::add-matcher::lint.json\n"))
		for from := 0; from < len(data); from += chunk {
			out.Write(data[from:min(from+chunk, len(data))])
		}
		out.flush()
		if len(t.trace.rows) != lines || strings.Count(t.text(), "##[warning]") != lines/100 {
			b.Fatalf("%d rows", len(t.trace.rows))
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/log")
	b.SetBytes(int64(len(data)))
}
