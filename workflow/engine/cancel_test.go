package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
)

// under runs a test in a bubble with its own clock.
func under(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestCancellation(t *testing.T) {
	tests := []struct {
		claim, list string
		want        string
		took        time.Duration
	}{
		{"the running step is ended, later ones are skipped", `
			- run: out x
			- run: sleep 1h
			- run: out y
		`, "success cancelled skipped", time.Minute},
		{"a step whose condition still holds goes on", `
			- if: always()
			  run: sleep 2m
			- run: out y
		`, "success skipped", 2 * time.Minute},
		{"always(), cancelled() and !success() run, failure() does not", `
			- run: sleep 1h
			- if: always()
			  run: out a
			- if: cancelled()
			  run: out b
			- if: ${{ !success() }}
			  run: out c
			- if: failure()
			  run: out d
			- if: success() || failure()
			  run: out e
			- if: always() && job.status == 'cancelled'
			  run: out f
		`, "cancelled success success success skipped skipped success", time.Minute},
		{"failure() is false although a step had failed", `
			- run: exit 1
			- if: always()
			  run: sleep 2m
			- if: failure()
			  run: out x
		`, "failure success skipped", 2 * time.Minute},
		{"a process that traps the signal is waited for, and counts as cancelled", `
			- run: |
			    trap 5s
			    sleep 1h
		`, "cancelled", time.Minute + 5*time.Second},
		{"continue-on-error does not hide a cancellation", `
			- id: s
			  continue-on-error: true
			  run: sleep 1h
			- if: always() && steps.s.outcome == 'cancelled' && steps.s.conclusion == 'cancelled'
			  run: out x
		`, "cancelled success", time.Minute},
		{"files count after a cancellation", `
			- id: s
			  run: |
			    file GITHUB_OUTPUT "a=1\n"
			    sleep 1h
			- if: always() && steps.s.outputs.a == '1'
			  run: out x
		`, "cancelled success", time.Minute},
		{"a later step that fails leaves the job cancelled", `
			- run: sleep 1h
			- if: always()
			  run: exit 1
		`, "cancelled failure", time.Minute},
		{"after five minutes all is killed", `
			- run: sleep 1h
			- if: always()
			  run: sleep 1h
			- if: always()
			  run: out x
		`, "cancelled cancelled skipped", 6 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			under(t, func(t *testing.T) {
				b := newBench(t, steps(test.list))
				b.stopAfter(time.Minute, common.StopServer)
				start := time.Now()
				b.run()
				b.wantResult(cancelled)
				b.wantResults(test.want)
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if !strings.Contains(b.trace.reason, "cancelled by the server") {
					t.Errorf("reason %q", b.trace.reason)
				}
			})
		})
	}
}

func TestCancellationDuringSetUp(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: out x\n- if: always()\n  run: out y"))
		b.executor.prepare = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		b.stopAfter(time.Minute, common.StopServer)
		b.run()
		b.wantResult(cancelled)
		b.wantResults("cancelled cancelled")
		b.wantNoRow("could not make")
	})
}

func TestCancellationAfterSetUpVisitsTheSteps(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: out x\n- if: always()\n  run: out y"))
		b.executor.prepare = func(context.Context) error {
			time.Sleep(2 * time.Minute)
			return nil
		}
		b.stopAfter(time.Minute, common.StopServer)
		b.run()
		b.wantResult(cancelled)
		b.wantResults("skipped success")
	})
}

func TestCancellationOfASkippedJob(t *testing.T) {
	b := newBench(t, strings.Replace(steps("- run: out x"), "runs-on: x", "runs-on: x\n    if: false", 1))
	b.build().Stop(common.StopServer)
	b.run()
	b.wantResult(cancelled)
}

func TestShutdown(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps(`
			- run: out x
			- run: |
			    trap 3s
			    sleep 1h
			- if: always()
			  run: out y
		`))
		b.stopAfter(time.Minute, common.StopShutdown)
		b.run()
		b.wantResult(failure)
		b.wantResults("success failure skipped")
		b.wantRow("##[error]", "shutting down")
		b.wantRow("trapped")
		if !strings.Contains(b.trace.reason, "shutdown") {
			t.Errorf("reason %q", b.trace.reason)
		}
		if got, want := b.executor.calls, []string{"Prepare", "StopBackground", "Cleanup"}; !slices.Equal(got, want) {
			t.Errorf("calls %q, want %q", got, want)
		}
	})
}

func TestKill(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps(`
			- run: |
			    trap 3s
			    sleep 1h
			- if: always()
			  run: out y
		`))
		b.spec.Hooks.JobCompleted = "/hooks/never"
		b.stopAfter(time.Minute, common.StopKill)
		b.run()
		b.wantResult(failure)
		b.wantResults("failure skipped")
		b.wantNoRow("trapped")
		b.wantNoRow("never")
		b.wantRow("##[error]", "killed")
		if got, want := b.executor.calls, []string{"Prepare", "StopBackground", "Cleanup"}; !slices.Equal(got, want) {
			t.Errorf("calls %q, want %q", got, want)
		}
	})
}

func TestTheStrongerReasonWins(t *testing.T) {
	tests := []struct {
		then common.StopReason
		want result
	}{
		{common.StopServer, cancelled},
		{common.StopShutdown, failure},
		{common.StopKill, failure},
	}
	for _, test := range tests {
		under(t, func(t *testing.T) {
			b := newBench(t, steps("- if: always()\n  run: sleep 4m\n- if: always()\n  run: out x"))
			b.stopAfter(time.Minute, common.StopServer)
			b.stopAfter(2*time.Minute, test.then)
			b.run()
			b.wantResult(test.want)
		})
	}
}

func TestStopBeforeRun(t *testing.T) {
	for reason, want := range map[common.StopReason]result{
		common.StopServer: cancelled, common.StopShutdown: failure, common.StopKill: failure,
	} {
		b := newBench(t, steps("- run: out x"))
		b.build().Stop(reason)
		b.job.Stop(reason)
		b.run()
		b.wantResult(want)
		if len(b.executor.commands) > 0 {
			t.Errorf("%s: a step ran", reason)
		}
	}
}

func TestStopAfterTheEndDoesNothing(t *testing.T) {
	b := runPayload(t, steps("- run: out x"))
	rows := len(b.trace.rows)
	for _, reason := range []common.StopReason{common.StopServer, common.StopShutdown, common.StopKill} {
		b.job.Stop(reason)
	}
	if len(b.trace.rows) != rows || b.trace.after > 0 {
		t.Error("a stop after the end has left rows")
	}
}

func TestStepTimeout(t *testing.T) {
	tests := []struct {
		claim, minutes string
		took           time.Duration
		want           string
	}{
		{"minutes", "2", 2 * time.Minute, "failure success"},
		{"fractions", "0.05", 3 * time.Second, "failure success"},
		{"a string, as servers send it", `"1.5"`, 90 * time.Second, "failure success"},
		{"an expression", "${{ vars.MYVAR == 'v1' && 3 || 4 }}", 3 * time.Minute, "failure success"},
		{"zero is none", "0", time.Hour, "success skipped"},
		{"longer than the step", "61", time.Hour, "success skipped"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			under(t, func(t *testing.T) {
				b := newBench(t, steps("- name: Slow\n  run: sleep 1h\n  timeout-minutes: "+test.minutes+"\n- if: failure()\n  run: out x"))
				start := time.Now()
				b.run()
				b.wantResults(test.want)
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if strings.HasPrefix(test.want, "failure") {
					b.wantRow("##[error]", "Slow", "has timed out after "+minutes(test.took))
				}
			})
		})
	}
}

func TestATimedOutStepMayContinueOnError(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: sleep 1h\n  timeout-minutes: 1\n  continue-on-error: true\n- run: out x"))
		b.run()
		b.wantResult(success)
		b.wantResults("success success")
	})
}

func TestJobTimeout(t *testing.T) {
	tests := []struct {
		claim, payload string
		spec           time.Duration
		took           time.Duration
		want           result
	}{
		{"the job's own", "30", 3 * time.Hour, 30 * time.Minute, cancelled},
		{"the runner's is the ceiling", "90", 20 * time.Minute, 20 * time.Minute, cancelled},
		{"the runner's alone", `""`, 20 * time.Minute, 20 * time.Minute, cancelled},
		{"fractions", `"0.5"`, 3 * time.Hour, 30 * time.Second, cancelled},
		{"none", "0", 0, time.Hour, success},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			under(t, func(t *testing.T) {
				b := newBench(t, strings.Replace(steps("- run: sleep 1h\n- if: cancelled()\n  run: out bye"), "runs-on: x", "runs-on: x\n    timeout-minutes: "+test.payload, 1))
				b.spec.JobTimeout = common.Duration(test.spec)
				start := time.Now()
				b.run()
				b.wantResult(test.want)
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if test.want == cancelled {
					b.wantResults("cancelled success")
					b.wantRow("##[error]", "maximum time of "+minutes(test.took))
				}
			})
		})
	}
}

func TestAJobTimeoutCountsFromTheStart(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, strings.Replace(steps("- run: sleep 1h"), "runs-on: x", "runs-on: x\n    timeout-minutes: 10", 1))
		b.executor.prepare = func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("pull interrupted")
		}
		start := time.Now()
		b.run()
		b.wantResult(cancelled)
		if took := time.Since(start); took != 10*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

func TestRowsGoOnDuringACancellation(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: sleep 1h\n- if: always()\n  run: |\n    out a\n    sleep 1m\n    out b"))
		b.stopAfter(time.Minute, common.StopServer)
		b.run()
		b.wantRows(1, "a", "b")
	})
}

func TestACancelledJobHasFiveMinutes(t *testing.T) {
	for name, test := range map[string]struct {
		always string
		killed bool
	}{
		"which are enough":     {"sleep 4m", false},
		"which are not enough": {"sleep 1h", true},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(t *testing.T) {
				b := newBench(t, steps("- run: sleep 1h\n- if: always()\n  run: "+test.always+"\n- if: always()\n  run: out last"))
				b.stopAfter(time.Minute, common.StopServer)
				start := time.Now()
				b.run()
				took := time.Since(start)
				if test.killed {
					b.wantRow("##[error]", "not done after 5 minutes")
					b.wantNoRow("last")
					if took != time.Minute+cancelGrace {
						t.Errorf("took %v", took)
					}
					return
				}
				b.wantRow("last")
				b.wantResult(cancelled)
				if took != 5*time.Minute {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestAKillBoundsTheCleanUp(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: sleep 1h"))
		b.executor.cleanUp = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		b.stopAfter(time.Minute, common.StopKill)
		start := time.Now()
		b.run()
		b.wantResult(failure)
		if took := time.Since(start); took != time.Minute+killedTime {
			t.Errorf("took %v", took)
		}
	})
}

func TestAKillDuringTheCleanUpBoundsItToo(t *testing.T) {
	under(t, func(t *testing.T) {
		b := newBench(t, steps("- run: out x"))
		b.executor.cleanUp = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		b.stopAfter(time.Minute, common.StopKill)
		start := time.Now()
		b.run()
		if took := time.Since(start); took != time.Minute+killedTime {
			t.Errorf("took %v", took)
		}
	})
}
