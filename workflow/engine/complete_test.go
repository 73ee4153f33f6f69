package engine

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
)

// withOutputs is a job of one step and outputs.
func withOutputs(outputs, step string) string {
	return "on: push\njobs:\n  a:\n    runs-on: x\n    outputs: " + outputs + "\n    steps:\n" + indent(dedent(step), "      ")
}

func TestJobOutputs(t *testing.T) {
	b := runPayload(t, withOutputs(`{one: "${{ steps.s.outputs.one }}", two: "x-${{ vars.MYVAR }}", empty: "${{ steps.s.outputs.none }}", secret: "a ${{ steps.s.outputs.masked }}"}`, `
		- id: s
		  run: |
		    file GITHUB_OUTPUT "one=1\n"
		    file GITHUB_OUTPUT "masked=s3cr3t-value\n"
	`))
	b.wantResult(success)
	if want := map[string]string{"one": "1", "two": "x-v1"}; !maps.Equal(b.trace.outputs, want) {
		t.Errorf("outputs %v, want %v", b.trace.outputs, want)
	}
	b.wantRow("##[warning]", `"secret"`, "secret")
}

func TestJobOutputsCountAfterAFailure(t *testing.T) {
	b := runPayload(t, withOutputs(`{one: "${{ steps.s.outputs.one }}"}`, `
		- id: s
		  run: |
		    file GITHUB_OUTPUT "one=1\n"
		    exit 1
	`))
	b.wantResult(failure)
	if b.trace.outputs["one"] != "1" {
		t.Errorf("outputs %v", b.trace.outputs)
	}
}

func TestAnOutputThatCannotBeEvaluatedFailsTheJob(t *testing.T) {
	b := runPayload(t, withOutputs(`{bad: "${{ fromJSON('x y') }}", good: "1"}`, "- run: out x"))
	b.wantResult(failure)
	b.wantResults("success")
	b.wantRow("##[error]", "bad")
	if b.trace.outputs["good"] != "1" {
		t.Errorf("outputs %v", b.trace.outputs)
	}
}

func TestOutputsThatServersDropAreToldOf(t *testing.T) {
	long := strings.Repeat("n", 256)
	b := runPayload(t, withOutputs(`{large: "${{ steps.s.outputs.large }}", fits: "${{ steps.s.outputs.fits }}", `+long+`: "1"}`, `
		- id: s
		  run: |
		    file GITHUB_OUTPUT "large="
		    fill GITHUB_OUTPUT 1048577
		    file GITHUB_OUTPUT "\nfits="
		    fill GITHUB_OUTPUT 1048576
	`))
	b.wantResult(success)
	if len(b.trace.outputs) != 1 || len(b.trace.outputs["fits"]) != 1<<20 {
		t.Errorf("%d outputs", len(b.trace.outputs))
	}
	b.wantRow("##[warning]", `"large"`, "larger than 1MiB")
	b.wantRow("##[warning]", "nnn", "longer than 255 bytes")
}

func TestHooks(t *testing.T) {
	b := newBench(t, steps(`
		- run: out $FROM_HOOK
		- run: exit 1
	`))
	b.spec.Hooks.JobStarted, b.spec.Hooks.JobCompleted = "/hooks/start.sh", "/hooks/done"
	b.executor.files["/hooks/start.sh"] = []byte("out started $GITHUB_REPOSITORY s3cr3t-value\nfile GITHUB_ENV \"FROM_HOOK=yes\\n\"")
	b.executor.files["/hooks/done"] = []byte("out completed $FROM_HOOK")
	b.run()
	b.wantRows(0, "yes")
	b.wantResult(failure)
	states := b.trace.end.GetSteps()
	setUp := strings.Join(b.trace.rows[:states[0].GetLogIndex()], "\n")
	if !strings.Contains(setUp, "started probe/demo ***") || !strings.Contains(setUp, "job_started") {
		t.Errorf("Set up job:\n%s", setUp)
	}
	complete := strings.Join(b.trace.rows[states[1].GetLogIndex()+states[1].GetLogLength():], "\n")
	if !strings.Contains(complete, "completed yes") {
		t.Errorf("Complete job:\n%s", complete)
	}
	if cmd := b.executor.commands[0]; cmd.Path != "/usr/bin/bash" || strings.Join(cmd.Args, " ") != "-e /hooks/start.sh" {
		t.Errorf("the hook runs as %s %q", cmd.Path, cmd.Args)
	}
	if cmd := b.executor.commands[3]; cmd.Path != "/hooks/done" || len(cmd.Args) > 0 {
		t.Errorf("the hook runs as %s %q", cmd.Path, cmd.Args)
	}
}

func TestAHookThatFailsFailsTheJob(t *testing.T) {
	b := newBench(t, steps(`
		- run: out x
		- if: always()
		  run: out y
	`))
	b.spec.Hooks.JobStarted = "/hooks/start"
	b.executor.files["/hooks/start"] = []byte("exit 7")
	b.run()
	b.wantResult(failure)
	b.wantResults("skipped success")
	b.wantRow("##[error]", "exit code 7")

	b = newBench(t, steps("- run: out x"))
	b.spec.Hooks.JobCompleted = "/hooks/missing.ps1"
	b.run()
	b.wantResult(failure)
	b.wantResults("success")
	b.wantRow("##[error]", "hook job_completed", "missing.ps1")
}

func TestTheEndIsReachedWhateverFails(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.executor.failures = map[string]error{
		"StopBackground": errors.New("a process stays"), "Cleanup": errors.New("a file stays"),
	}
	b.run()
	b.wantResult(success)
	b.wantRow("##[warning]", "a process stays")
	b.wantRow("##[warning]", "a file stays")

	b = newBench(t, steps("- run: out x"))
	b.executor.background = func() { panic("background") }
	b.run()
	b.wantResult(failure)
	b.wantRow("##[error]", "fault of the runner")
}

func TestBackgroundProcessesEndBeforeTheHook(t *testing.T) {
	b := newBench(t, steps("- run: late bye"))
	b.spec.Hooks.JobCompleted = "/hooks/done"
	b.executor.files["/hooks/done"] = []byte("out hook")
	b.run()
	all := b.text()
	if bye, hook := strings.LastIndex(all, "\nbye"), strings.LastIndex(all, "\nhook"); bye < 0 || hook < bye {
		t.Errorf("log:\n%s", all)
	}
}

func TestWhatCannotBeRemovedIsNamedWithoutSecrets(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.executor.cleanUp = func(context.Context) error { return errors.New("home/s3cr3t-value: busy") }
	b.run()
	b.wantRow("##[warning]", "home/***: busy")
	for _, entry := range b.log.AllEntries() {
		if text, _ := entry.String(); strings.Contains(text, "s3cr3t-value") {
			t.Errorf("the operator's log has the secret: %s", text)
		}
	}
}
