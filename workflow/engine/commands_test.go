package engine

import (
	"fmt"
	"strings"
	"testing"
)

func TestCommandsAreObeyedAndNotShown(t *testing.T) {
	b := runPayload(t, steps(`
		- id: s
		  run: |
		    out ::set-output name=one::1
		    err ::set-output name=Two::2%0A3
		    out ##[set-output name=three]3
		    out ::save-state name=x::y
		    out ::remove-matcher owner=x::
		    out ::debug::hidden
		    out ::group::A group
		    out in it
		    out ::endgroup::
		    out ::notice::one%0Atwo
		    out ::warning file=a.go::careful
		    out ::error file=a.go,line=3,col=4,title=T::boom
		- run: out ${{ steps.s.outputs.one }} ${{ toJSON(steps.s.outputs.two) }} ${{ steps.s.outputs.three }}
	`))
	b.wantResult(success)
	b.wantRows(0,
		"##[group]A group", "in it", "##[endgroup]",
		"##[notice]one", "##[notice]two", "##[warning]a.go: careful", "##[error]a.go:3:4: T: boom")
	b.wantRows(1, `1 "2\n3" 3`)
}

func TestDebugRowsAreShownOnDemand(t *testing.T) {
	b := newBench(t, steps(`
		- run: |
		    out ::debug::shown
		    out ::set-output name=a::1
	`))
	b.task.Secrets["ACTIONS_STEP_DEBUG"] = "true"
	b.run()
	b.wantRows(0, "##[debug]shown", "::set-output name=a::1")
}

func TestEchoShowsCommands(t *testing.T) {
	b := runPayload(t, steps(`
		- run: |
		    out ::echo::on
		    out ::set-output name=a::1
		    out ::add-mask::hide-me
		    out ::error::only once
		    out ::group::only once
		    out ::echo::OFF
		    out ::set-output name=a::1
		- run: out ::echo::maybe
	`))
	b.wantRows(0, "::set-output name=a::1", "::add-mask::***", "##[error]only once", "##[group]only once", "::echo::OFF")
	b.wantResults("success failure")
	b.wantRow("##[error]", "echo", "maybe")
}

func TestMasks(t *testing.T) {
	b := newBench(t, steps(`
		- run: |
		    out before hide-me
		    out ::add-mask::hide-me%0Aand me
		    out s3cr3t-value hide-me and me
		    err hide-me task-token-0001 runtime-token-0001
		    out ::add-mask::
		    out ::error title=hide-me::and me
		- name: step hide-me
		  run: out line-two hide-me
		  env: {X: hide-me}
	`))
	b.task.Secrets["LINES"] = "line-one\nline-two\n"
	b.run()
	b.wantRows(0, "before hide-me", "*** *** ***", "*** *** ***", "##[warning]add-mask was given no value: nothing is masked by it.", "##[error]***: ***")
	b.wantRows(1, "*** ***")
	after := strings.Join(b.trace.rows[b.trace.end.GetSteps()[1].GetLogIndex():], "\n")
	if strings.Contains(after, "hide-me") {
		t.Errorf("a masked value is in:\n%s", after)
	}
}

func TestLargeMasksAreBounded(t *testing.T) {
	huge := strings.Repeat("0123456789abcdef", 5000)
	b := newBench(t, steps("- run: |\n    out ::add-mask::"+huge+"\n    out <"+huge+">"))
	b.run()
	b.wantRows(0, "##[warning]add-mask: the value of 80000 bytes, or a line of it, is masked as it is, but not in other forms such as base64: it is too large, or the job masks too much.", "<***>")

	// A value that cannot be masked fails the step, which may go on to show it.
	b = newBench(t, steps("- run: out x\n- run: out ::add-mask::"+huge))
	for i := range 13 {
		b.masker.Add(strings.Repeat(fmt.Sprintf("%016d", i*7919), 60_000))
	}
	b.masker.Add(strings.Repeat("y", 60_000))
	b.run()
	b.wantResults("success failure")
	b.wantRow("##[error]the command add-mask cannot mask the value of 80000 bytes")
	if rows := b.stepRows(1); len(rows) != 1 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestSecretsThatCannotBeMaskedFailTheJob(t *testing.T) {
	b := newBench(t, steps("- run: out x"))
	b.task.Secrets["LARGE"] = strings.Repeat("0123456789abcdef", 5000)
	b.run()
	b.wantResult(success)
	b.wantRow("##[warning]The job's secrets have 80027 bytes: some of them are masked as they are")
	b = newBench(t, steps("- run: out x"))
	for i := range 14 {
		b.task.Secrets[fmt.Sprint("S", i)] = strings.Repeat(fmt.Sprintf("%016d", i*7919), 60_000)
	}
	b.run()
	b.wantResult(failure)
	b.wantRow("##[error]the job's secrets have 13440027 bytes, more than this runner can look for in the log")
}

func TestStopCommands(t *testing.T) {
	b := runPayload(t, steps(`
		- run: |
		    out ::stop-commands::token-12345
		    out ::error::not obeyed
		    err ::set-output name=a::1
		    out the token is token-12345
		    out ::TOKEN-12345::
		    out ::error::obeyed
		- run: |
		    out ::stop-commands::abc
		    out abc
		- run: out ::error::a new step obeys again
		- run: out ::stop-commands::pause-logging
		- if: always()
		  run: out ::stop-commands::error
	`))
	b.wantRows(0, "::error::not obeyed", "::set-output name=a::1", "the token is ***", "##[error]obeyed")
	b.wantRows(1, "abc")
	b.wantRows(2, "##[error]a new step obeys again")
	b.wantResults("success success success failure failure")
	b.wantRow("##[error]", "pause-logging")
}

func TestSwitchedOffCommandsFailTheStep(t *testing.T) {
	b := runPayload(t, steps(`
		- run: out ::set-env name=A::1
		- if: always()
		  run: out ::add-path::/x
		- if: always()
		  run: out [$A] $PATH
	`))
	b.wantResults("failure failure success")
	b.wantRow("##[error]", "set-env", "$GITHUB_ENV", "ACTIONS_ALLOW_UNSECURE_COMMANDS")
	b.wantRow("##[error]", "add-path", "$GITHUB_PATH")
	b.wantRows(2, "[(unset)] /usr/bin:/bin")
}

func TestSwitchedOffCommandsCanBeAllowed(t *testing.T) {
	const list = `
		- run: |
		    out ::set-env name=A::1
		    out ::set-env name=NODE_OPTIONS::--require /x
		    out ::add-path::/x
		- run: out $A $PATH $NODE_OPTIONS
	`
	check := func(b *bench) {
		t.Helper()
		b.wantResults("success success")
		b.wantRow("##[error]", "NODE_OPTIONS")
		b.wantRows(1, "1 /x:/usr/bin:/bin (unset)")
	}
	b := newBench(t, steps(list))
	b.executor.baseEnv = append(b.executor.baseEnv, "ACTIONS_ALLOW_UNSECURE_COMMANDS=true")
	check(b.run())
	check(runPayload(t, strings.Replace(steps(list), "    runs-on: x\n", "    runs-on: x\n    env: {ACTIONS_ALLOW_UNSECURE_COMMANDS: true}\n", 1)))
}

func TestCommandsThatCannotBeObeyedFailTheStep(t *testing.T) {
	for _, line := range []string{"::set-output::1", "::set-output name=::1", "::save-state::1", "::echo::", "::stop-commands::"} {
		b := runPayload(t, steps("- run: |\n    out "+line))
		b.wantResults("failure")
		b.wantRow("##[error]")
	}
}

func TestAFailedCommandDoesNotHideACancellation(t *testing.T) {
	if got := worse(cancelled, failure); got != cancelled {
		t.Errorf("a cancelled step that fails is %s", got)
	}
	if got := worse(success, failure); got != failure {
		t.Errorf("a failure of a success is %s", got)
	}
}
