//go:build unix

package semantics

import (
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

func TestResults(t *testing.T) {
	check(t, []row{
		{
			rule: "4.3: after a failure only failure() and always() run",
			steps: `
				- run: exit 3
				- run: echo never
				- {if: true, run: echo never}
				- {if: failure(), run: echo failed}
				- {if: always(), run: echo always}
				- {if: "${{ !cancelled() }}", run: echo not cancelled}
			`,
			result: "failure", want: "failure skipped skipped success success success",
			rows: []string{"##[error]Process completed with exit code 3.", "failed", "always", "not cancelled"}, not: []string{"never"},
		},
		{
			rule: "4.3: continue-on-error changes the conclusion, not the outcome",
			steps: `
				- {id: s, continue-on-error: true, run: exit 1}
				- run: echo "${{ steps.s.outcome }} ${{ steps.s.conclusion }} ${{ job.status }}"
			`,
			want: "success success", rows: []string{"failure success success"},
		},
		{
			rule: "4.3: continue-on-error is evaluated after the step",
			steps: `
				- id: s
				  continue-on-error: ${{ steps.s.outputs.go == 'on' && env.LATE == 'yes' }}
				  run: |
				    echo go=on >> "$GITHUB_OUTPUT"
				    echo LATE=yes >> "$GITHUB_ENV"
				    exit 1
				- run: echo next
			`,
			want: "success success", rows: []string{"next"},
		},
		{
			rule: "4.3: continue-on-error that cannot be evaluated is logged and counts as false",
			steps: `
				- {id: s, continue-on-error: "${{ fromJSON('x y') }}", run: exit 1}
				- {if: always(), run: "echo ${{ steps.s.outcome }} ${{ steps.s.conclusion }}"}
			`,
			result: "failure", want: "failure success", rows: []string{"failure failure"}, has: []string{"fromJSON"},
		},
		{
			rule: "4.3: a skipped step is skipped in outcome and conclusion, one to come is nothing",
			steps: `
				- {id: s, if: false, continue-on-error: true, run: exit 1}
				- run: echo "${{ steps.s.outcome }} ${{ steps.s.conclusion }} [${{ steps.t.outcome }}]"
				- {id: t, run: echo x}
			`,
			want: "skipped success success", rows: []string{"skipped skipped []"},
		},
		{
			rule: "4.3: job.status is what the steps before have made of it",
			steps: `
				- run: echo "${{ job.status }}"
				- run: exit 1
				- {if: always(), run: "echo ${{ job.status }}"}
			`,
			result: "failure", want: "success failure success", rows: []string{"success", "failure"},
		},
		{
			rule:  "4.3: a process that a signal ends fails its step",
			steps: "- run: kill -KILL $$", result: "failure", want: "failure", has: []string{"##[error]The process was ended by a signal: killed."},
		},
		{
			rule: "4.3: timeout-minutes fails the step, continue-on-error applies",
			steps: `
				- {id: s, name: Slow, timeout-minutes: 0.003, continue-on-error: true, run: sleep 30}
				- run: echo "${{ steps.s.outcome }} ${{ steps.s.conclusion }}"
				- {timeout-minutes: "${{ 0.003 }}", run: sleep 30}
				- {if: failure(), run: echo failed}
				- {if: cancelled(), run: echo never}
			`,
			result: "failure", want: "success success failure success skipped", rows: []string{"failure success", "failed"},
			has: []string{`##[error]The step "Slow" has timed out after 0.003 minutes.`}, not: []string{"never"},
		},
		{
			rule:  "4.3: timeout-minutes of nought or less is none",
			steps: "- {timeout-minutes: 0, run: sleep 0.05}\n- {timeout-minutes: \"${{ -1 }}\", run: sleep 0.05}", want: "success success",
		},
		{
			rule: "4.3: the job's timeout cancels it",
			job:  "timeout-minutes: 0.03",
			steps: `
				- run: sleep 30
				- run: echo never
				- {if: cancelled(), run: echo bye}
			`,
			result: "cancelled", want: "cancelled skipped success", rows: []string{"bye"}, has: []string{"maximum time of 0.03 minutes"}, not: []string{"never"},
		},
	})
}

func TestStops(t *testing.T) {
	check(t, []row{
		{
			rule: "4.3: a cancelled job runs always(), cancelled() and !success() steps, no bare ones and no failure()",
			stop: common.StopServer,
			steps: `
				- {id: s, run: "echo ready; sleep 30"}
				- run: echo never
				- {if: true, run: echo never}
				- {if: always(), run: "echo a ${{ job.status }} ${{ steps.s.outcome }}"}
				- {if: cancelled(), run: echo b}
				- {if: "${{ !success() }}", run: echo c}
				- {if: failure(), run: echo never}
				- {if: success() || failure(), run: echo never}
			`,
			result: "cancelled", want: "cancelled skipped skipped success success success skipped skipped",
			rows: []string{"##[error]The operation was cancelled.", "a cancelled cancelled", "b", "c"}, not: []string{"never"},
		},
		{
			rule: "4.3: a running step whose condition still holds goes on",
			stop: common.StopServer,
			steps: `
				- if: always()
				  run: |
				    echo ready
				    sleep 0.3
				    echo went on
				- run: echo never
			`,
			result: "cancelled", want: "success skipped", rows: []string{"ready", "went on"}, not: []string{"never"},
		},
		{
			rule: "4.3: a running step with failure() is ended by a cancellation",
			stop: common.StopServer,
			steps: `
				- run: exit 1
				- {if: failure(), run: "echo ready; sleep 30"}
			`,
			result: "cancelled", want: "failure cancelled",
		},
		{
			rule: "4.3: continue-on-error does not hide a cancellation, files count",
			stop: common.StopServer,
			steps: `
				- id: s
				  continue-on-error: true
				  run: |
				    echo o=kept >> "$GITHUB_OUTPUT"
				    echo ready
				    sleep 30
				- {if: always(), run: "echo ${{ steps.s.outcome }} ${{ steps.s.conclusion }} ${{ steps.s.outputs.o }}"}
			`,
			result: "cancelled", want: "cancelled success", rows: []string{"cancelled cancelled kept"},
		},
		{
			rule: "4.3: a process gets the interrupt first and may end by itself",
			stop: common.StopServer,
			steps: `
				- run: |
				    trap 'echo trapped; exit 0' INT
				    echo ready
				    sleep 30 & wait
			`,
			result: "cancelled", want: "cancelled", rows: []string{"ready", "trapped"},
		},
		{
			rule: "4.3: then the terminate, then the kill",
			stop: common.StopServer,
			change: func(_ *testing.T, f *fixture) {
				f.spec.Shell.GracefulKillTimeout, f.spec.Shell.ForceKillTimeout = common.Duration(50*time.Millisecond), common.Duration(700*time.Millisecond)
			},
			steps: `
				- run: |
				    trap '' INT
				    trap 'echo asked twice' TERM
				    echo ready
				    sleep 30 & wait
				    sleep 30
				    echo never
			`,
			result: "cancelled", want: "cancelled", rows: []string{"ready", "asked twice"}, not: []string{"never"},
			onlyReal: "its sleep is not ended by a signal that is trapped",
		},
		{
			rule: "4.3: a step that fails after a cancellation leaves the job cancelled",
			stop: common.StopServer,
			steps: `
				- run: echo ready; sleep 30
				- {if: always(), run: exit 1}
			`,
			result: "cancelled", want: "cancelled failure",
		},
		{
			rule: "4.3: post parts of a cancelled job run",
			stop: common.StopServer, files: parted,
			steps: `
				- {uses: octo/all@v1, with: {n: A}}
				- {uses: octo/ok@v1, with: {n: B}}
				- run: echo ready; sleep 30
			`,
			result: "cancelled", want: "success success cancelled", rows: []string{"main A pre", "main B", "ready", "post A main"}, not: []string{"post B"},
		},
		{
			rule: "4.3: a cancelled composite action is ended, its later steps are skipped",
			stop: common.StopServer,
			steps: `
				- uses: ./a
				- {if: cancelled(), run: echo outside}
			`,
			files: `
				-- ./a/action.yml --
				runs: {using: composite, steps: [{shell: bash, run: echo ready; sleep 30}, {shell: bash, run: echo never}]}
			`,
			result: "cancelled", want: "cancelled success", rows: []string{"ready", "outside"}, not: []string{"never"},
		},
		{
			rule: "4.3: a shutdown is a failure, no condition is looked at",
			stop: common.StopShutdown, files: parted,
			steps: `
				- uses: octo/all@v1
				- run: echo ready; sleep 30
				- {if: always(), run: echo never}
				- {if: failure(), run: echo never}
				- {if: "fromJSON('x y')", run: echo never}
			`,
			result: "failure", want: "success failure skipped skipped skipped", has: []string{"shutting down"}, not: []string{"never", "post ?", "fromJSON"},
		},
		{
			rule: "4.3: a kill ends everything at once",
			stop: common.StopKill,
			steps: `
				- run: |
				    trap 'echo never' INT TERM
				    echo ready
				    sleep 30
				- {if: always(), run: echo never}
			`,
			result: "failure", want: "failure skipped", rows: []string{"ready"}, not: []string{"never"},
		},
	})
}

func TestConditionsOfJobs(t *testing.T) {
	needs := func(results ...runnerv1.Result) func(*testing.T, *fixture) {
		return func(_ *testing.T, f *fixture) {
			f.task.Needs = map[string]*runnerv1.TaskNeed{}
			for i, r := range results {
				f.task.Needs[string(rune('b'+i))] = &runnerv1.TaskNeed{Result: r, Outputs: map[string]string{"o": "out"}}
			}
		}
	}
	const failed, done = runnerv1.Result_RESULT_FAILURE, runnerv1.Result_RESULT_SUCCESS
	check(t, []row{
		{rule: "4.5: a job whose condition does not hold is skipped", job: "if: github.actor == 'nobody'", steps: "- run: echo never", result: "skipped", want: "skipped", not: []string{"never"}},
		{rule: "4.5: a job's condition sees github, vars and inputs", job: "if: github.actor == 'probe' && vars.myvar == 'V1' && !inputs.x", steps: "- run: echo ran", want: "success", rows: []string{"ran"}},
		{rule: "4.5: a job's condition sees the needed jobs", job: "if: needs.b.result == 'success' && needs.b.outputs.o == 'out'", change: needs(done), steps: "- run: echo ran", want: "success", rows: []string{"ran"}},
		{rule: "4.5: failure() in a job's condition is of the needed jobs", job: "if: failure()", change: needs(done, failed), steps: "- run: echo ran ${{ job.status }}", want: "success", rows: []string{"ran success"}},
		{rule: "4.5: a job's condition is for success() of the needed jobs if it names none", job: "if: vars.MYVAR == 'v1'", change: needs(failed), steps: "- run: echo never", result: "skipped", want: "skipped", not: []string{"never"}},
	})
}
