//go:build real

package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const callee = `on:
  workflow_call:
    inputs: {text: {type: string, required: true}}
    outputs: {v: {value: "${{ jobs.work.outputs.v }}"}}
jobs:
  work:
    runs-on: linux
    outputs: {v: "${{ steps.s.outputs.v }}"}
    steps:
      - {id: s, run: 'echo "v=${{ inputs.text }}" >> "$GITHUB_OUTPUT"; echo "said ${{ inputs.text }}"'}
      - run: ${{ vars.THEN }}
`

// calling writes a project with a workflow of the given jobs and one to call.
func calling(t *testing.T, jobs string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".gitea/workflows"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.yml": "on: push\njobs:\n" + jobs, "callee.yml": callee} {
		if err := os.WriteFile(filepath.Join(dir, ".gitea/workflows", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const callerJobs = `  call:
    strategy: {matrix: {n: [1, 2]}}
    uses: ./.gitea/workflows/callee.yml
    with: {text: "number ${{ matrix.n }}"}
  after:
    needs: call
    runs-on: linux
    steps: [{run: 'echo "after ${{ needs.call.outputs.v }}"'}]
  broken:
    uses: ./.gitea/workflows/callee.yml
    with: {tetx: x}
`

func TestExecRunsWhatJobsCall(t *testing.T) {
	dir := calling(t, callerJobs)
	for name, test := range map[string]struct {
		args []string
		code int
		want []string // patterns
		none []string
	}{
		"a job with what it calls": {
			args: []string{"-j", "after", "--var", "THEN=true"},
			want: []string{`call \(1\) / work .*\| said number 1\n`, `\| after number 2\n`, `(?m)^call \(2\) / work +success`, `(?m)^after +success`},
			none: []string{`(?m)^call \(1\) +success`, `callee.yml: does not listen`, `broken`},
		},
		"what is wrong with a call": {
			args: []string{"-j", "broken"}, code: 1,
			want: []string{`broken +\| Error: .gitea/workflows/main.yml:13: job "broken": with.tetx: .gitea/workflows/callee.yml declares no input "tetx", did you mean "text"\?`, `(?m)^broken +failure`},
		},
		"a step of it that fails": {
			args: []string{"-j", "after", "--var", "THEN=exit 3"}, code: 1,
			want: []string{`(?m)^call \([12]\) / work +failure +\S+ +failed at: `, `(?m)^after +skipped`},
		},
		"a label that nobody has": {
			args: []string{"-j", "call", "--label", "gpu:host"}, code: 1,
			want: []string{`call \(1\) / work +\| Error: No --label serves runs-on: linux`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, output := runExec(t, dir, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, pattern := range test.want {
				if !regexp.MustCompile(pattern).MatchString(output) {
					t.Errorf("no %s", pattern)
				}
			}
			for _, pattern := range test.none {
				if regexp.MustCompile(pattern).MatchString(output) {
					t.Errorf("%s is there", pattern)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

func TestExecJSONTellsWhatJobsCall(t *testing.T) {
	_, output := runExec(t, calling(t, callerJobs), "--json", "-j", "call", "--var", "THEN=true")
	var ends []string
	for line := range strings.Lines(output) {
		var record struct{ Event, Workflow, Job, Result string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if record.Event == "summary" {
			ends = append(ends, record.Workflow+": "+record.Job+" "+record.Result)
		}
	}
	want := ".gitea/workflows/main.yml: call (1) / work success\n.gitea/workflows/main.yml: call (2) / work success"
	if got := strings.Join(ends, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExecCancelsWhatJobsCall(t *testing.T) {
	dir := calling(t, "  call:\n    uses: ./.gitea/workflows/callee.yml\n    with: {text: x}\n  after: {needs: call, runs-on: x, steps: [{run: echo never}]}\n")
	e := execute(t, nil, "-C", dir, "--var", "THEN=echo asleep; sleep 60")
	e.until("| asleep")
	if err := e.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	var rest []string
	for row := range e.rows {
		rest = append(rest, row)
	}
	text := strings.Join(rest, "\n")
	for _, pattern := range []string{`(?m)^call / work +cancelled`, `(?m)^after +cancelled`} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no %s in\n%s", pattern, text)
		}
	}
	if err := e.cmd.Wait(); err == nil || e.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit %v", err)
	}
}
