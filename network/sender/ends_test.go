package sender

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network/spool"
)

func TestACancelledTaskIsStoppedOnceAndReportedToItsEnd(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.rows("working")
		r.server.set(func() { r.server.result = runnerv1.Result_RESULT_CANCELLED })
		r.pass(20 * time.Second)
		r.told(common.StopServer)
		if got := len(r.times("UpdateTask")); got < 3 {
			t.Errorf("%d heartbeats", got)
		}
		r.rows("cleaning up")
		r.end(runnerv1.Result_RESULT_CANCELLED)
		r.delivered(time.Second)
		r.want("working", "cleaning up")
		r.told(common.StopServer)
	})
}

func TestWhatTheServerHasGivenUpIsKilledAndTriedOnce(t *testing.T) {
	gone := wrapped("Internal", "update task: resource does not exist")
	for name, tt := range map[string]struct {
		result runnerv1.Result
		answer error
		rows   []string // that the server has at the end
		end    int      // requests after the end
	}{
		"swept, its log open": {result: failure, rows: []string{"a", "b"}, end: 2},
		"unregistered":        {answer: wrapped("Unauthenticated", "unregistered runner"), rows: []string{}, end: 2},
		"task gone":           {answer: gone, rows: []string{}, end: 2},
		"another's task":      {answer: wrapped("Internal", "update task: invalid runner for task"), rows: []string{}, end: 2},
		"ended by another":    {result: success, rows: []string{"a", "b"}, end: 2},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				r.server.set(func() { r.server.result = tt.result })
				r.server.plan(func(string) fault { return fault{answer: tt.answer} })
				r.pass(time.Second)
				r.rows("a")
				r.pass(10 * time.Second)
				r.told(common.StopKill)
				before := len(r.server.seen(""))
				r.pass(time.Minute)
				if got := len(r.server.seen("")); got != before {
					t.Errorf("%d requests while the job is killed", got-before)
				}
				r.rows("b")
				r.end(failure)
				r.outcome(time.Second, Dropped)
				r.want(tt.rows...)
				if got := len(r.server.seen("")) - before; got != tt.end {
					t.Errorf("%d requests after the end, want %d", got, tt.end)
				}
				if r.logged("dropped what was left") != 1 || r.logged("giving the task up") != 1 {
					t.Errorf("log:\n%s", r.logText())
				}
				r.told(common.StopKill)
			})
		})
	}
}

func TestATaskThatIsGivenUpDoesNotWaitForARetry(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.plan(func(string) fault { return fault{before: true} })
		r.rows("a")
		r.pass(10 * time.Minute) // both kinds of requests are in long pauses
		r.end(success)
		r.pass(time.Second)
		r.server.plan(func(string) fault { return fault{answer: wrapped("Unauthenticated", "unregistered runner")} })
		r.outcome(80*time.Second, Dropped)
		r.told()
	})
}

func TestRowsForAClosedLogAreDropped(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.rows("a")
		r.pass(4 * time.Second)
		r.server.set(func() { r.server.archived = true })
		r.rows("b", "c")
		r.pass(10 * time.Second)
		r.rows("d")
		r.end(success)
		r.delivered(time.Second)
		r.want("a")
		if r.server.last().Result != success || r.logged("2 log rows dropped") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}

func TestTheResultGoesFirstWhenOnlyTheLogFails(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		t.Run(fmt.Sprint("ephemeral ", ephemeral), func(t *testing.T) {
			run(t, func(j *Job) { j.Ephemeral = ephemeral }, func(r *rig) {
				r.server.plan(func(method string) fault {
					if method == "UpdateLog" {
						return fault{answer: wrapped("Internal", "storage is full")}
					}
					return fault{}
				})
				r.rows("a")
				r.end(success)
				r.pass(9 * time.Minute)
				if r.server.isFinal() {
					t.Fatal("the final state did not wait for the log")
				}
				r.pass(90 * time.Second)
				if r.server.isFinal() == ephemeral {
					t.Fatalf("ephemeral %v: final state sent: %v", ephemeral, r.server.isFinal())
				}
				r.pass(10 * time.Minute)
				r.server.plan(nil)
				r.delivered(2 * time.Minute)
				r.want("a")
				if !r.server.isArchived() {
					t.Error("the log is not closed")
				}
			})
		})
	}
}

func TestTheResultWaitsWhenTheWholeServerIsAway(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.plan(func(string) fault { return fault{before: true} })
		r.rows("a")
		r.end(success)
		r.pass(2 * time.Hour)
		var order []string
		r.server.plan(func(method string) fault {
			order = append(order, method)
			return fault{}
		})
		r.delivered(3 * time.Minute)
		r.want("a")
		if last := order[len(order)-1]; last != "UpdateTask" || r.server.last().Result != success {
			t.Errorf("order %v", order)
		}
	})
}

func TestAnEphemeralRunnerThatIsGoneAfterItsFinalStateHasDelivered(t *testing.T) {
	run(t, func(j *Job) { j.Ephemeral = true }, func(r *rig) {
		r.server.plan(func(method string) fault {
			switch {
			case r.server.final: // the runner's row went with the task
				return fault{answer: wrapped("Unauthenticated", "unregistered runner")}
			case method == "UpdateTask":
				return fault{after: true}
			}
			return fault{}
		})
		r.rows("a")
		r.end(success)
		r.delivered(time.Minute)
		r.want("a")
	})
}

func TestRequestsAreFewWhileTheServerIsAway(t *testing.T) {
	run(t, nil, func(r *rig) {
		requests := 0
		r.server.plan(func(string) fault {
			requests++
			return fault{before: true}
		})
		for range 1200 {
			r.rows("a line a second")
			r.handle.Wake()
			r.pass(time.Second)
		}
		if requests > 2*30 {
			t.Errorf("%d requests in 20 minutes", requests)
		}
		r.server.plan(nil)
		r.end(success)
		r.delivered(2 * time.Minute)
		if got := len(r.server.contents()); got != 1200 {
			t.Errorf("%d rows", got)
		}
	})
}

func TestRefusedRequestsBecomeSmallerAndARefusedRowIsReplaced(t *testing.T) {
	for name, refusal := range map[string]fault{
		"by a proxy":    {status: 413},
		"by the server": {answer: connect.NewError(connect.CodeInvalidArgument, context.Canceled)},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				r.server.handler = refuse(r.server, "poison", refusal)
				r.rows(numbered(50)...)
				r.rows("poison")
				r.rows("after")
				r.end(success)
				r.delivered(5 * time.Minute)
				want := append(numbered(50), "##[warning]A row of the log is left out here: the server refused it.", "after")
				r.want(want...)
			})
		})
	}
}

func TestACloseInTimeSendsWhatThereIs(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.rows("a", "b")
		r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}))
		ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		r.sender.Close(ctx)
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		r.want("a", "b")
		if r.server.last() == nil || r.server.isArchived() {
			t.Errorf("state %v, log closed: %v", r.server.last(), r.server.isArchived())
		}
		select {
		case <-r.handle.Done():
			t.Error("a job that runs is done")
		default:
		}
		if got := r.spool.LoadSent(); got.Rows != 2 {
			t.Errorf("stored %+v", got)
		}
		late := r.sender.Add(r.spec)
		late.Wake()
		if outcome, _ := late.Outcome(); outcome != Pending {
			t.Errorf("outcome %q", outcome)
		}
	})
}

func TestACloseGivesUpWhenItsTimeIsOver(t *testing.T) {
	for name, plan := range map[string]fault{
		"the server is away":  {before: true},
		"the server is hung":  {delay: time.Hour},
		"the server is slow":  {delay: 20 * time.Second},
		"answers do not come": {after: true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				r.server.plan(func(string) fault { return plan })
				r.rows("a")
				r.end(success)
				r.pass(time.Second)
				ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				r.sender.Close(ctx)
				if took := time.Since(began); took != 30*time.Second {
					t.Errorf("it took %v", took)
				}
				if outcome, _ := r.handle.Outcome(); outcome != Pending {
					t.Errorf("outcome %q", outcome)
				}
			})
		})
	}
}

func TestTheNextSenderGoesOnWhereTheLastOneStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server := spool.NewMemory(spool.Options{}), newFake()
		first := newRig(t, m, server, nil)
		first.rows("a", "b")
		first.ok(m.Output("out", "1"))
		first.ok(m.Summary(0, []byte("sum")))
		first.ok(m.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 1)}}))
		first.handle.Wake()
		first.pass(4 * time.Second)
		first.rows("c", "d") // sent, but the answer gets lost, and then the sender
		server.plan(func(string) fault { return fault{after: true} })
		first.pass(4 * time.Second)
		first.leave()
		server.plan(nil)
		server.set(func() { server.calls = nil })

		second := newRig(t, m, server, func(j *Job) { j.Resumed = true })
		second.rows("e")
		second.end(success)
		second.delivered(time.Second)
		second.want("a", "b", "c", "d", "e")
		calls := server.seen("UpdateLog")
		if len(calls) != 2 || len(calls[0].log.Rows) != 0 || calls[0].log.NoMore || calls[1].log.Index != 4 || len(calls[1].log.Rows) != 1 {
			t.Errorf("UpdateLog %v, want a question and then one row", calls)
		}
		if n := len(server.seen("UploadSummary")); n != 0 || server.summaries[0] != "sum" {
			t.Errorf("the summary was sent %d times more", n)
		}
		for _, c := range server.seen("UpdateTask") {
			if len(c.task.Outputs) > 0 {
				t.Errorf("outputs %v were sent again", c.task.Outputs)
			}
		}
		second.close()
	})
}

func TestAResumedJobHeartbeatsAtOnceWithItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, server := spool.NewMemory(spool.Options{}), newFake()
		first := newRig(t, m, server, nil)
		first.ok(m.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}))
		first.rows("a")
		first.handle.Wake()
		first.pass(10 * time.Second)
		first.leave()
		server.set(func() { server.calls = nil })
		second := newRig(t, m, server, func(j *Job) { j.Resumed = true })
		second.pass(time.Millisecond)
		if got := server.seen("UpdateTask"); len(got) != 1 || len(got[0].task.State.Steps) != 1 {
			t.Errorf("UpdateTask %v", got)
		}
		second.end(failure)
		second.delivered(time.Second)
		second.close()
	})
}
