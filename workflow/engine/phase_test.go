package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/common"
	"multirunner/workflow/expression"
	"multirunner/workflow/model"
)

// fakeAction is a kind of step with all three parts; its `run` says what they do.
type fakeAction struct {
	def *model.Step
}

func (a fakeAction) hasPre() bool { return !strings.Contains(a.def.Run.Text(), "post-only") }

func (a fakeAction) hasPost() bool { return true }

func (a fakeAction) preIf(expression.Scope) (bool, error) { return true, nil }

func (a fakeAction) postIf(scope expression.Scope) (bool, error) {
	if strings.Contains(a.def.Run.Text(), "unless-failed") {
		v, err := scope.Functions["success"].Call(nil)
		return v.Truthy(), err
	}
	return true, nil
}

func (a fakeAction) part(ctx context.Context, r *stepRun, name string) result {
	r.job.rows.say(name + " " + a.def.ID + " " + r.processEnv().get("STATE_from"))
	r.saveState("from", name)
	if strings.Contains(a.def.Run.Text(), "slow-"+name) {
		<-ctx.Done()
	}
	if strings.Contains(a.def.Run.Text(), "fail-"+name) {
		return failure
	}
	return success
}

func (a fakeAction) pre(ctx context.Context, r *stepRun) result  { return a.part(ctx, r, "pre") }
func (a fakeAction) main(ctx context.Context, r *stepRun) result { return a.part(ctx, r, "main") }
func (a fakeAction) post(ctx context.Context, r *stepRun) result { return a.part(ctx, r, "post") }

// actions makes a bench whose steps are fake actions; those whose text has
// post-only have no pre part.
func actions(t *testing.T, list string) *bench {
	b := newBench(t, steps(list))
	b.build().kindOf = func(def *model.Step) work { return fakeAction{def: def} }
	return b
}

// order gives the parts in the order in which they ran.
func (b *bench) order() string {
	var parts []string
	for _, row := range b.trace.rows {
		for _, part := range []string{"pre ", "main ", "post "} {
			if strings.HasPrefix(row, part) {
				parts = append(parts, strings.TrimSpace(row))
			}
		}
	}
	return strings.Join(parts, ", ")
}

func TestPartsOfSteps(t *testing.T) {
	tests := []struct {
		claim, list, order, results string
		job                         result
	}{
		{"all pres, then mains, then posts, the last step to begin first, each with its own state", `
			- {id: a, run: x}
			- {id: b, run: post-only}
			- {id: c, run: x}
		`, "pre a, pre c, main a pre, main b, main c pre, post b main, post c main, post a main", "success success success", success},
		{"a skipped main has no post, unless its pre has run", `
			- {id: a, run: x, if: false}
			- {id: b, run: post-only, if: false}
		`, "pre a, post a pre", "skipped skipped", success},
		{"posts run after a failure", `
			- {id: a, run: fail-main}
			- {id: b, run: post-only}
		`, "pre a, main a pre, post a main", "failure skipped", failure},
		{"a post has a condition of its own", `
			- {id: a, run: unless-failed}
			- {id: b, run: post-only fail-main}
		`, "pre a, main a pre, main b, post b main", "success failure", failure},
		{"a post that fails fails the job, not the step", `
			- {id: a, run: post-only fail-post}
		`, "main a, post a main", "success", failure},
		{"continue-on-error holds for the post too", `
			- {id: a, run: post-only fail-post, continue-on-error: true}
		`, "main a, post a main", "success", success},
		{"a pre that fails fails the job", `
			- {id: a, run: fail-pre}
		`, "pre a, post a pre", "skipped", failure},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			b := actions(t, test.list).run()
			if got := b.order(); got != test.order {
				t.Errorf("order %q, want %q", got, test.order)
			}
			b.wantResults(test.results)
			b.wantResult(test.job)
		})
	}
}

func TestRowsOfPresAndPostsBelongToNoStep(t *testing.T) {
	b := actions(t, `
		- {id: a, run: x}
		- {id: b, run: x}
	`).run()
	b.wantRows(0, "main a pre")
	b.wantRows(1, "main b pre")
}

func TestPostsRunAfterACancellationAndHaveAClockOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := actions(t, `
			- {id: a, run: post-only slow-main slow-post, timeout-minutes: 2}
		`)
		b.stopAfter(time.Minute, common.StopServer)
		start := time.Now()
		b.run()
		b.wantResult(cancelled)
		b.wantResults("cancelled")
		if got := b.order(); got != "main a, post a main" {
			t.Errorf("order %q", got)
		}
		if took := time.Since(start); took != 3*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

func TestPostsAreSkippedByAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := actions(t, `
			- {id: a, run: post-only slow-main}
		`)
		b.stopAfter(time.Minute, common.StopShutdown)
		b.run()
		b.wantResult(failure)
		if got := b.order(); got != "main a" {
			t.Errorf("order %q", got)
		}
	})
}

func TestSnapshotFollowsTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, steps("- run: out x\n- name: Slow s3cr3t-value of found-late\n  run: |\n    out ::add-mask::found-late\n    sleep 1h"))
		job := b.build()
		if got := job.Snapshot(); got.Phase != PhaseSetUp || got.TaskID != 11 {
			t.Errorf("before: %+v", got)
		}
		seen := make(chan Snapshot, 1)
		timer := time.AfterFunc(time.Minute, func() {
			seen <- job.Snapshot() // the job goes on as soon as it is told to stop
			job.Stop(common.StopServer)
		})
		defer timer.Stop()
		start := time.Now()
		b.run()
		during := <-seen
		during.Rows = 0
		want := Snapshot{TaskID: 11, Job: "a", Phase: PhaseSteps, Step: 2, StepName: "Slow *** of ***", Steps: 2, Status: "success", Started: start}
		if during != want {
			t.Errorf("during: %+v, want %+v", during, want)
		}
		if got := job.Snapshot(); got.Phase != PhaseEnded || got.Status != "cancelled" || got.Stopping != common.StopServer || got.Step != 0 || got.Rows != int64(len(b.trace.rows)) {
			t.Errorf("after: %+v", got)
		}
	})
}
