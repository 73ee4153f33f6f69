package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestAJobOfRunSteps(t *testing.T) {
	b := runPayload(t, steps(`
		- run: out hello
		- name: Second
		  run: |
		    out one
		    err two
		- run: exit 3
		- run: out never
		- if: always()
		  run: out at last
	`))
	b.wantResult(failure)
	b.wantResults("success success failure skipped success")
	b.wantRows(0, "hello")
	b.wantRows(1, "one", "two")
	b.wantRows(2, "##[error]Process completed with exit code 3.")
	b.wantRows(4, "at last")
	if want := "step 3 (Run exit 3) failed"; b.trace.reason != want {
		t.Errorf("reason %q, want %q", b.trace.reason, want)
	}
}

func TestConditions(t *testing.T) {
	tests := []struct {
		claim, list, want string
		job               result
	}{
		{"no condition means success()", `
			- run: exit 1
			- run: out x
		`, "failure skipped", failure},
		{"a condition without a status function means success() too", `
			- run: exit 1
			- if: 1 == 1
			  run: out x
		`, "failure skipped", failure},
		{"failure() runs after a failure", `
			- if: failure()
			  run: out x
			- run: exit 1
			- if: failure()
			  run: out x
		`, "skipped failure success", failure},
		{"false skips", `
			- if: ${{ false }}
			  run: exit 1
			- run: out x
		`, "skipped success", success},
		{"mixed text is a string, which is true", `
			- if: ${{ false }} and more
			  run: out x
		`, "success", success},
		{"cancelled() does not hold in a job that was not", `
			- if: cancelled()
			  run: out x
		`, "skipped", success},
		{"the step's own env is seen", `
			- if: env.RUN == 'yes'
			  env: {RUN: "yes"}
			  run: out x
		`, "success", success},
		{"outcome and conclusion", `
			- id: s
			  run: exit 1
			  continue-on-error: true
			- if: steps.s.outcome == 'failure' && steps.s.conclusion == 'success'
			  run: out x
			- id: t
			  if: false
			  run: out x
			- if: steps.t.outcome == 'skipped' && steps.t.conclusion == 'skipped'
			  run: out x
		`, "success success skipped success", success},
		{"job.status follows each step", `
			- if: job.status == 'success'
			  run: exit 1
			- if: always() && job.status == 'failure'
			  run: out x
		`, "failure success", failure},
		{"one that cannot be evaluated fails the step", `
			- if: fromJSON('nonsense')
			  run: out x
			- if: failure()
			  run: out x
		`, "failure success", failure},
		{"an env that cannot be evaluated fails the step", `
			- env: {A: "${{ fromJSON('nonsense') }}"}
			  run: out x
		`, "failure", failure},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := runPayload(t, steps(test.list))
			b.wantResults(test.want)
			b.wantResult(test.job)
		})
	}
}

func TestContinueOnErrorIsEvaluatedAfterTheStep(t *testing.T) {
	b := runPayload(t, steps(`
		- id: s
		  continue-on-error: ${{ steps.s.outputs.go == 'on' }}
		  run: |
		    file GITHUB_OUTPUT "go=on\n"
		    exit 1
		- continue-on-error: ${{ fromJSON('nonsense') }}
		  run: exit 1
	`))
	b.wantResults("success failure")
	b.wantResult(failure)
	b.wantRow("##[error]", "continue-on-error")
}

func TestTheHeaderShowsWhatRuns(t *testing.T) {
	b := runPayload(t, `
		on: push
		env: {TOP: one}
		jobs:
		  a:
		    runs-on: x
		    env: {JOB: "${{ env.TOP }} two"}
		    steps:
		    - env: {STEP: "${{ secrets.MYSECRET }}", LINES: "a\nb"}
		      shell: bash
		      run: |

		        out first ${{ vars.MYVAR }}
		        out s3cr3t-value
	`)
	s := b.trace.end.GetSteps()[0]
	got := strings.Join(b.trace.rows[s.GetLogIndex():s.GetLogIndex()+s.GetLogLength()], "\n")
	want := strings.Join([]string{
		"##[group]Run out first v1",
		"\x1b[36;1m\x1b[0m",
		"\x1b[36;1mout first v1\x1b[0m",
		"\x1b[36;1mout ***\x1b[0m",
		"shell: /usr/bin/bash --noprofile --norc -e -o pipefail {0}",
		"env:",
		"  TOP: one",
		"  JOB: one two",
		"  STEP: ***",
		"  LINES: a",
		"b",
		"##[endgroup]",
		"first v1",
		"***",
	}, "\n")
	if got != want {
		t.Errorf("rows:\n%s\nwant:\n%s", got, want)
	}
}

func TestWorkingDirectory(t *testing.T) {
	b := runPayload(t, `
		on: push
		defaults: {run: {working-directory: top}}
		jobs:
		  a:
		    runs-on: x
		    env: {WHERE: job}
		    defaults: {run: {working-directory: "${{ env.WHERE }}/dir"}}
		    steps:
		    - run: out x
		    - run: out x
		      working-directory: ${{ env.WHERE }}/step
	`)
	for i, want := range []string{"job/dir", "job/step"} {
		if got := b.executor.commands[i].Dir; got != want {
			t.Errorf("step %d runs in %q, want %q", i, got, want)
		}
	}
	b = runPayload(t, "on: push\ndefaults: {run: {working-directory: top}}\njobs: {a: {runs-on: x, steps: [{run: out x}]}}")
	if got := b.executor.commands[0].Dir; got != "top" {
		t.Errorf("the workflow's default gives %q", got)
	}
}

func TestAnActionFailsAndIsNamed(t *testing.T) {
	b := runPayload(t, steps(`
		- name: Get the code
		  uses: actions/checkout@v4
		- run: out x
	`))
	b.wantResults("failure skipped")
	b.wantRow("##[error]", "Step 1", "Get the code", "actions/checkout@v4")
}

func TestAStepThatCannotStartFails(t *testing.T) {
	tests := []struct {
		method, row string
	}{
		{"Run", "no such file"},
		{"LookPath", "shell bash: no such file"},
		{"WriteTemp", "could not be written: no such file"},
	}
	for _, test := range tests {
		b := newBench(t, steps(`
			- run: out x
			- if: always()
			  run: out y
		`))
		b.executor.failures = map[string]error{test.method: errors.New("no such file")}
		b.run()
		b.wantResult(failure)
		b.wantRow("##[error]", test.row)
	}
}

func TestASignalEndsAStep(t *testing.T) {
	b := runPayload(t, steps(`
		- run: signal killed
	`))
	b.wantResults("failure")
	b.wantRow("##[error]", "signal: killed")
}

func TestExpressionsOfAStepMayUseItsOwnFaultyTexts(t *testing.T) {
	tests := []struct{ claim, step, row string }{
		{"run", "{run: \"out ${{ fromJSON('x y') }}\"}", "run"},
		{"shell", "{run: out x, shell: \"${{ fromJSON('x y') }}\"}", "shell"},
		{"working-directory", "{run: out x, working-directory: \"${{ fromJSON('x y') }}\"}", "working-directory"},
		{"timeout-minutes", "{run: out x, timeout-minutes: \"${{ fromJSON('x y') }}\"}", "timeout-minutes"},
		{"timeout-minutes that is no number", "{run: out x, timeout-minutes: soon}", "timeout-minutes"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := runPayload(t, steps("- "+test.step))
			b.wantResult(failure)
			b.wantRow("##[error]", test.row)
		})
	}
}

func TestAPanicIsAFailedJob(t *testing.T) {
	b := runPayload(t, steps(`
		- run: out x
		- run: panic s3cr3t-value of the machine
		- run: out y
	`))
	b.wantResult(failure)
	b.wantResults("success failure skipped")
	b.wantRow("##[error]", "fault of the runner", "*** of the machine")
	if !strings.Contains(b.trace.reason, "panic") {
		t.Errorf("reason %q", b.trace.reason)
	}
	for _, entry := range b.log.AllEntries() {
		if strings.Contains(entry.Message, "s3cr3t-value") {
			t.Errorf("the secret is in the operator's log: %s", entry.Message)
		}
	}
}

func TestStatesComeWithTransitionsAndKeepFinishedSteps(t *testing.T) {
	b := runPayload(t, steps(`
		- run: out x
		- if: false
		  run: out x
		- run: |
		    out x
		    out y
	`))
	var got []string
	for _, state := range b.trace.states {
		var all []string
		for _, s := range state.GetSteps() {
			all = append(all, string(resultOf(s.GetResult()))+"|")
		}
		got = append(got, strings.Join(all, ""))
	}
	want := []string{"|", "success|", "success|skipped||", "success|skipped|success|"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("states:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(b.trace.states[3].GetSteps()); n != 3 {
		t.Errorf("the last state has %d steps", n)
	}
}

func TestATraceThatFailsDoesNotStopTheJob(t *testing.T) {
	b := newBench(t, steps(`
		- run: out x
		- run: file GITHUB_STEP_SUMMARY "# hi"
	`))
	b.trace.fail = errors.New("disk full")
	b.run()
	b.wantResult(success)
	seen := map[string]int{}
	for _, entry := range b.log.AllEntries() {
		seen[entry.Message]++
	}
	for message, n := range seen {
		if n > 1 {
			t.Errorf("%q was logged %d times", message, n)
		}
	}
	if len(seen) == 0 {
		t.Error("the operator was not told")
	}
}
