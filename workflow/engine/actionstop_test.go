package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
)

const slowWrap = `
	-- octo/slow@v1/action.yml --
	inputs: {if: {default: "success()"}}
	runs:
	  using: composite
	  steps:
	  - {id: a, if: always(), shell: bash, run: "trap 1s\nsleep 10m\nout part one"}
	  - {id: b, shell: bash, run: out part two}
	  - {id: c, if: cancelled(), shell: bash, run: "out part three ${{ github.action_status }} ${{ steps.a.outcome }}"}
	  - {id: d, if: always(), shell: bash, run: out part four}
	  - {id: e, if: failure(), shell: bash, run: out part five}
	-- octo/slow@v1/x --
	x
	-- octo/clean@v1/action.yml --
	runs: {using: node20, main: main.js, post: post.js}
	-- octo/clean@v1/main.js --
	out part main
	-- octo/clean@v1/post.js --
	out part post
`

func TestStopsWithinCompositeActions(t *testing.T) {
	tests := []struct {
		claim, list string
		reason      common.StopReason
		after       time.Duration
		want        string // parts that ran
		results     string
		job         result
		took        time.Duration
	}{
		{"a cancellation ends the action when the step's condition does not hold any more", `
			- {uses: octo/clean@v1}
			- {uses: octo/slow@v1}
			- {if: always(), run: out part last}
		`, common.StopServer, time.Minute, "part main, part last, part post", "success cancelled success", cancelled, time.Minute + time.Second},
		{"else it goes on, and so do the steps in it that say so", `
			- {if: always(), uses: octo/slow@v1}
		`, common.StopServer, 6 * time.Minute, "part one, part three cancelled success, part four", "success", cancelled, 10 * time.Minute},
		{"a step in it that does not hold any more is ended alone", `
			- {if: always(), uses: octo/inner@v1}
		`, common.StopServer, time.Minute, "part four", "cancelled", cancelled, time.Minute},
		{"a shutdown ends all", `
			- {uses: octo/clean@v1}
			- {if: always(), uses: octo/slow@v1}
		`, common.StopShutdown, time.Minute, "part main", "success failure", failure, time.Minute + time.Second},
		{"a kill does at once", `
			- {uses: octo/clean@v1}
			- {if: always(), uses: octo/slow@v1}
		`, common.StopKill, time.Minute, "part main", "success failure", failure, time.Minute},
		{"the step's timeout is for the whole action", `
			- {timeout-minutes: 2, uses: octo/slow@v1}
			- {if: failure(), run: out part last}
		`, "", 0, "part last", "failure success", failure, 2*time.Minute + time.Second},
		{"and is a failure that may be gone on after", `
			- {timeout-minutes: 2, continue-on-error: true, uses: octo/slow@v1}
			- {run: out part last}
		`, "", 0, "part last", "success success", success, 2*time.Minute + time.Second},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := withActions(t, test.list, slowWrap+`
					-- octo/inner@v1/action.yml --
					runs:
					  using: composite
					  steps:
					  - {shell: bash, run: "sleep 10m\nout part one"}
					  - {shell: bash, run: out part two}
					  - {if: always(), shell: bash, run: out part four}
				`)
				if test.reason != "" {
					b.stopAfter(test.after, test.reason)
				}
				start := time.Now()
				b.run()
				if got := b.parts("part"); got != test.want {
					t.Errorf("%q ran, want %q; log:\n%s", got, test.want, b.text())
				}
				b.wantResults(test.results)
				b.wantResult(test.job)
				if took := time.Since(start); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestFetchingEndsWithTheJob(t *testing.T) {
	for _, reason := range []common.StopReason{common.StopServer, common.StopShutdown, common.StopKill} {
		synctest.Test(t, func(t *testing.T) {
			b := withActions(t, "- uses: octo/clean@v1", slowWrap)
			b.source.prepare = func(ctx context.Context) error {
				<-ctx.Done()
				return errors.New("interrupted")
			}
			b.stopAfter(time.Minute, reason)
			b.run()
			want := failure
			if reason == common.StopServer {
				want = cancelled
			}
			b.wantResult(want)
			b.wantNoRow("interrupted")
		})
	}
}

func TestPartsHaveTheStepsTimeoutEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withActions(t, "- {uses: octo/a@v1, timeout-minutes: 1, continue-on-error: true}\n- run: out next", `
			-- octo/a@v1/action.yml --
			runs: {using: node20, pre: slow.js, main: slow.js, post: slow.js}
			-- octo/a@v1/slow.js --
			sleep 50s
			out slept
			sleep 50s
		`)
		start := time.Now()
		b.run()
		b.wantResults("success success")
		b.wantResult(success)
		if took := time.Since(start); took != 3*time.Minute {
			t.Errorf("it took %v", took)
		}
		if got := b.parts("slept"); got != "slept, slept, slept" {
			t.Errorf("ran %q", got)
		}
	})
}
