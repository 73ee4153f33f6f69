package sender

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"multirunner/common"
	"multirunner/network/spool"
)

const maxAge = 14 * 24 * time.Hour

// aged gives jobs an age.
func aged(r *rig, limit time.Duration) {
	config := defaults
	config.SpoolMaxAge = common.Duration(limit)
	r.sender.Reconfigure(config)
}

func TestWhatAServerDoesNotTakeForTooLongIsDropped(t *testing.T) {
	for name, failing := range map[string]string{"it is gone": "", "it takes states, but no rows": "UpdateLog", "it takes rows, but no states": "UpdateTask"} {
		t.Run(name, func(t *testing.T) {
			run(t, func(j *Job) { j.Ephemeral = failing == "UpdateLog" }, func(r *rig) {
				const maxAge = 5 * time.Hour
				aged(r, maxAge)
				r.server.plan(func(method string) fault {
					if failing == "" || method == failing {
						return fault{before: true}
					}
					return fault{}
				})
				r.rows("a")
				r.end(success)
				r.pass(maxAge - time.Hour)
				select {
				case <-r.handle.Done():
					t.Fatal("dropped before its time")
				default:
				}
				r.outcome(2*time.Hour, Dropped)
				if got := r.handle.Dropped(); got != DroppedAge {
					t.Errorf("dropped for %q", got)
				}
				if n := r.logged("dropped what was left"); n != 1 {
					t.Errorf("%d lines:\n%s", n, r.logText())
				}
			})
		})
	}
}

// A running job is never dropped, and a limit of 0 is none.
func TestWhatIsNotOverOrHasNoLimitIsKept(t *testing.T) {
	for name, over := range map[string]bool{"the job runs": false, "no limit": true} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				r.server.plan(func(string) fault { return fault{before: true} })
				r.rows("a")
				if over {
					r.end(success)
				} else {
					aged(r, time.Hour)
				}
				r.pass(map[bool]time.Duration{false: 3 * time.Hour, true: 2 * maxAge}[over])
				r.server.plan(nil)
				if !over {
					r.end(success)
				}
				r.delivered(15 * time.Minute)
				r.want("a")
			})
		})
	}
}

// The age is the time for which it was tried, by no clock that can be set: it
// goes on after a restart, and not while no runner runs.
func TestTheAgeGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := spool.NewMemory(spool.Options{})
		server := newFake()
		server.plan(func(string) fault { return fault{before: true} })
		r := newRig(t, m, server, nil)
		aged(r, maxAge)
		r.rows("a")
		r.end(success)
		r.pass(maxAge / 2)
		r.leave()
		time.Sleep(10 * maxAge)

		r = newRig(t, m, server, func(j *Job) { j.Resumed = true })
		aged(r, maxAge)
		r.pass(maxAge/2 - time.Hour)
		select {
		case <-r.handle.Done():
			t.Fatal("dropped before its time")
		default:
		}
		r.outcome(2*time.Hour, Dropped)
		r.close()
	})
}

func TestAnAnswerStartsTheAgeAnew(t *testing.T) {
	run(t, nil, func(r *rig) {
		const limit = 5 * time.Hour
		aged(r, limit)
		down := func(string) fault { return fault{before: true} }
		r.server.plan(down)
		r.rows("a", "b", "c")
		r.end(success)
		r.pass(limit - 10*time.Minute)
		if kept := r.spool.LoadSent().Failing; kept < limit-30*time.Minute {
			t.Errorf("%s are kept", kept)
		}
		// One request of each kind comes through, for a row.
		passed := map[string]bool{}
		r.server.set(func() { r.server.partial = 1 })
		r.server.plan(func(method string) fault {
			first := !passed[method]
			passed[method] = true
			return fault{before: !first}
		})
		r.pass(time.Hour)
		r.want("a")
		select {
		case <-r.handle.Done():
			t.Fatal("dropped, with an answer an hour ago")
		default:
		}
		if kept := r.spool.LoadSent().Failing; kept > time.Hour {
			t.Errorf("after it %s are kept", kept)
		}
		r.server.set(func() { r.server.partial = 0 })
		r.server.plan(nil)
		r.delivered(15 * time.Minute)
		r.want("a", "b", "c")
	})
}

// While a job runs the server must hear of it within its ten minutes.
func TestAttemptsGetRarerOnceAJobIsOver(t *testing.T) {
	for name, over := range map[string]bool{"running": false, "over": true} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				var tries atomic.Int64
				r.server.plan(func(string) fault { tries.Add(1); return fault{before: true} })
				if over {
					r.end(success)
				}
				r.pass(11 * time.Hour)
				before := tries.Load()
				r.pass(time.Hour)
				perHour := tries.Load() - before
				if most, least := int64(90), int64(45); !over && (perHour > most || perHour < least) {
					t.Errorf("%d attempts in an hour, want one a minute", perHour)
				}
				if most, least := int64(16), int64(8); over && (perHour > most || perHour < least) { // of rows and of the state
					t.Errorf("%d attempts in an hour, want one of each in ten minutes", perHour)
				}
			})
		})
	}
}

func TestAResultThatIsRefusedForGoodIsDroppedSoon(t *testing.T) {
	for name, answer := range map[string]fault{
		"as invalid":   {answer: connect.NewError(connect.CodeInvalidArgument, nil)},
		"as too large": {status: 413},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				aged(r, maxAge)
				r.server.plan(func(method string) fault {
					if method == "UpdateTask" {
						return answer
					}
					return fault{}
				})
				r.rows("a")
				r.end(success)
				r.pass(5 * time.Minute) // a proxy may be configured wrongly for a moment
				select {
				case <-r.handle.Done():
					t.Fatal("dropped at once")
				default:
				}
				r.outcome(10*time.Minute, Dropped)
				if got := r.handle.Dropped(); got != DroppedRefused {
					t.Errorf("dropped for %q", got)
				}
				r.want("a")
			})
		})
	}
}

func TestALogThatIsRefusedForGoodDoesNotHoldTheResult(t *testing.T) {
	run(t, func(j *Job) { j.Ephemeral = true }, func(r *rig) {
		r.server.plan(func(method string) fault {
			if method == "UpdateLog" {
				return fault{answer: connect.NewError(connect.CodeInvalidArgument, nil)}
			}
			return fault{}
		})
		r.rows("a", "b")
		r.end(success)
		r.delivered(20 * time.Minute)
		if !r.server.isFinal() {
			t.Error("no result")
		}
		if n := r.logged("log rows dropped"); n != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}

func TestAnOutputThatIsRefusedForGoodDoesNotHoldTheResult(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.planTask(func(outputs map[string]string) error {
			if strings.Contains(outputs["bad"], "refused") {
				return connect.NewError(connect.CodeInvalidArgument, nil)
			}
			return nil
		})
		r.ok(r.spool.Output("good", "1"))
		r.ok(r.spool.Output("bad", "refused"))
		r.end(success)
		r.delivered(20 * time.Minute)
		if r.server.outputs["good"] != "1" {
			t.Errorf("outputs %v", r.server.outputs)
		}
	})
}
