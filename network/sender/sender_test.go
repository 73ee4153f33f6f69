package sender

import (
	"context"
	"errors"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
)

const (
	success = runnerv1.Result_RESULT_SUCCESS
	failure = runnerv1.Result_RESULT_FAILURE
)

func TestATrivialJobCostsTwoRequests(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 1)}}))
		r.rows("set up", "hello", "done")
		r.end(success)
		r.delivered(100 * time.Millisecond)
		r.want("set up", "hello", "done")
		calls := r.server.seen("")
		if len(calls) != 2 || calls[0].method != "UpdateLog" || !calls[0].log.NoMore || calls[1].task.State.Result != success {
			t.Errorf("%d requests: %v", len(calls), calls)
		}
		if end, ok := r.handle.End(); !ok || end.Reason != "test" {
			t.Errorf("end %v", end)
		}
	})
}

func TestRowsAreFlushedByTheFirstTrigger(t *testing.T) {
	for name, tt := range map[string]struct {
		play func(r *rig)
		want time.Duration // of the first UpdateLog
	}{
		"max latency since the oldest row": {func(r *rig) {
			r.pass(500 * time.Millisecond)
			r.rows("a")
			r.handle.Wake()
			r.pass(time.Second)
			r.rows("b")
		}, 3500 * time.Millisecond},
		"interval since the last flush": {func(r *rig) {
			r.pass(4 * time.Second)
			r.rows("a")
			r.handle.Wake()
		}, 5 * time.Second},
		"batch size": {func(r *rig) {
			r.pass(time.Second)
			r.rows(numbered(100)...)
			r.handle.Wake()
		}, time.Second},
		"step transition": {func(r *rig) {
			r.pass(time.Second)
			r.rows("a")
			r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}))
			r.handle.Wake()
		}, time.Second},
		"end": {func(r *rig) {
			r.pass(50 * time.Millisecond)
			r.rows("a")
			r.end(success)
		}, 50 * time.Millisecond},
		"without a wake the spool is looked at every second": {func(r *rig) {
			r.pass(1500 * time.Millisecond)
			r.rows(numbered(100)...)
		}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(r *rig) {
				tt.play(r)
				r.pass(6 * time.Second)
				if got := r.times("UpdateLog"); len(got) == 0 || got[0] != tt.want {
					t.Errorf("UpdateLog at %v, want at %v", got, tt.want)
				}
			})
		})
	}
}

func TestRequestsAreBoundedInRowsAndBytes(t *testing.T) {
	run(t, nil, func(r *rig) {
		long := string(make([]byte, 60_000))
		for range 40 {
			r.rows(long)
		}
		r.rows(numbered(6_000)...)
		r.end(success)
		r.delivered(time.Second)
		for _, c := range r.server.seen("UpdateLog") {
			size := 0
			for _, row := range c.log.Rows {
				size += len(row.Content)
			}
			if len(c.log.Rows) > maxRows || size > maxBytes {
				t.Errorf("a request of %d rows and %d bytes", len(c.log.Rows), size)
			}
		}
		if got := len(r.server.contents()); got != 6_040 {
			t.Errorf("%d rows", got)
		}
	})
}

func TestASteadyLogIsSentInFewRequests(t *testing.T) {
	run(t, nil, func(r *rig) {
		for range 10 { // 1,000 rows a second
			for range 20 {
				r.rows(numbered(50)...)
				r.handle.Wake()
				r.pass(50 * time.Millisecond)
			}
		}
		r.end(success)
		r.delivered(time.Second)
		if got := len(r.server.seen("UpdateLog")); got > 10*4+2 {
			t.Errorf("%d UpdateLog in 10 s", got)
		}
	})
}

func TestASilentJobHeartbeats(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.pass(11 * time.Second)
		if diff := cmp.Diff([]time.Duration{5 * time.Second, 10 * time.Second}, r.times("UpdateTask")); diff != "" {
			t.Errorf("before the first state (-want +got):\n%s", diff)
		}
		if got := r.server.last(); len(got.Steps) != 0 || got.StartedAt != nil {
			t.Errorf("state %v, want an empty one", got)
		}
		done := &runnerv1.StepState{Id: 0, StartedAt: timestamppb.Now(), StoppedAt: timestamppb.Now(), Result: success, LogIndex: 1, LogLength: 2}
		r.rows(numbered(4)...)
		r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{done, running(1, 3)}}))
		r.rows("a", "b")
		r.handle.Wake()
		r.pass(30 * time.Second)
		if got := len(r.times("UpdateTask")); got != 2+1+5 && got != 2+1+6 {
			t.Errorf("%d UpdateTask", got)
		}
		steps := r.server.last().Steps
		if len(steps) != 2 || steps[0].LogLength != 2 || steps[1].LogLength != 3 {
			t.Errorf("steps %v, want the running one to have 3 rows so far", steps)
		}
		if len(r.times("UpdateLog")) != 1 {
			t.Errorf("UpdateLog at %v", r.times("UpdateLog"))
		}
	})
}

func TestStepTransitionsAreCoalesced(t *testing.T) {
	run(t, nil, func(r *rig) {
		state := &runnerv1.TaskState{}
		for i := range 100 {
			state.Steps = append(state.Steps, running(int64(i), 0))
			r.ok(r.spool.State(state))
			r.handle.Wake()
			r.pass(10 * time.Millisecond)
		}
		r.pass(stateGap)
		got := r.times("UpdateTask")
		if len(got) > 6 || got[0] > stateGap {
			t.Errorf("UpdateTask at %v", got)
		}
		if got := len(r.server.last().Steps); got != 100 {
			t.Errorf("the server knows %d steps", got)
		}
	})
}

func TestStatesOvertakeRows(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.plan(func(method string) fault {
			return fault{before: method == "UpdateLog"}
		})
		r.rows(numbered(6_000)...)
		r.ok(r.spool.State(&runnerv1.TaskState{Steps: []*runnerv1.StepState{running(0, 0)}}))
		r.handle.Wake()
		r.pass(time.Second)
		if got := r.server.last(); got == nil || len(got.Steps) != 1 || got.Steps[0].LogLength != 6_000 {
			t.Errorf("state %v", got)
		}
	})
}

func TestOutputsAreSentUntilConfirmedAndBeforeTheFinalState(t *testing.T) {
	run(t, nil, func(r *rig) {
		lost := 3
		r.server.plan(func(method string) fault {
			if method == "UpdateTask" && lost > 0 {
				lost--
				return fault{before: lost == 1, after: lost != 1}
			}
			return fault{}
		})
		r.server.ignores = "odd"
		big := string(make([]byte, 700_000))
		for _, o := range [][2]string{
			{"a", "1"}, {"b", big}, {"c", big}, {"odd", "x"},
			{"", "no name"}, {string(make([]byte, 256)), "x"}, {"huge", string(make([]byte, maxOutputValue+1))},
			{"edge", string(make([]byte, maxOutputValue))},
		} {
			r.ok(r.spool.Output(o[0], o[1]))
		}
		r.end(success)
		r.delivered(time.Minute)
		want := map[string]string{"a": "1", "b": big, "c": big, "edge": string(make([]byte, maxOutputValue))}
		if diff := cmp.Diff(want, r.server.outputs); diff != "" {
			t.Error("outputs differ")
		}
		tasks := r.server.seen("UpdateTask")
		for i, c := range tasks {
			if (c.task.State.Result != 0) != (i == len(tasks)-1) || c.task.State.Result != 0 && len(c.task.Outputs) > 0 {
				t.Errorf("request %d of %d: result %v with %d outputs", i, len(tasks), c.task.State.Result, len(c.task.Outputs))
			}
		}
		if r.logged("dropped") != 4 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}

func TestAnOutputThatAProxyRefusesIsDropped(t *testing.T) {
	run(t, nil, func(r *rig) {
		r.server.plan(func(method string) fault {
			if tasks := len(r.server.calls); method == "UpdateTask" && tasks == 0 {
				return fault{status: 413}
			}
			return fault{}
		})
		r.ok(r.spool.Output("a", "1"))
		r.handle.Wake()
		r.pass(10 * time.Second)
		r.end(success)
		r.delivered(time.Minute)
		if r.logged(`output "a" dropped`) != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
	})
}

func TestSummariesGoBeforeTheFinalState(t *testing.T) {
	run(t, nil, func(r *rig) {
		fails := 2
		r.server.plan(func(method string) fault {
			if method == "summary" && fails > 0 {
				fails--
				return fault{before: true}
			}
			return fault{}
		})
		r.ok(r.spool.Summary(0, []byte("# first try")))
		r.ok(r.spool.Summary(0, []byte("# zero")))
		r.ok(r.spool.Summary(2, []byte("# two")))
		r.ok(r.spool.Summary(3, make([]byte, 1<<20+1)))
		r.rows("row")
		r.end(success)
		r.delivered(time.Minute)
		if diff := cmp.Diff(map[int]string{0: "# zero", 2: "# two"}, r.server.summaries); diff != "" {
			t.Errorf("summaries (-want +got):\n%s", diff)
		}
		if r.logged("summary of step 3 dropped") != 1 {
			t.Errorf("log:\n%s", r.logText())
		}
		if !r.server.isFinal() {
			t.Error("no final state")
		}
	})
}

func TestSummariesThatCannotBeUploadedAreDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Job)
		fault  fault
		within time.Duration
		log    string
	}{
		"the server has no place for them": {func(j *Job) { j.Capabilities = nil }, fault{}, time.Second, ""},
		"there is nobody to ask":           {func(j *Job) { j.Runtime = nil }, fault{}, time.Second, "summary of step 1 dropped"},
		"the job process is gone": {func(j *Job) {
			j.Runtime = func(context.Context) (common.Secret, string, string, error) {
				return common.Secret{}, "", "", errors.New("nobody answers on job.sock")
			}
		}, fault{}, time.Second, "summary of step 1 dropped"},
		"the server fails again and again": {nil, fault{status: 500}, time.Minute, "summary of step 1 dropped"},
		"only summaries fail, for long":    {nil, fault{before: true}, 12 * time.Minute, "summary of step 1 dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, tt.change, func(r *rig) {
				r.server.plan(func(method string) fault {
					if method == "summary" {
						return tt.fault
					}
					return fault{}
				})
				r.ok(r.spool.Summary(1, []byte("# text")))
				r.end(success)
				r.delivered(tt.within)
				if tt.log != "" && r.logged(tt.log) != 1 {
					t.Errorf("log:\n%s", r.logText())
				}
				if !r.server.isFinal() || len(r.server.summaries) != 0 {
					t.Errorf("final %v, summaries %v", r.server.isFinal(), r.server.summaries)
				}
			})
		})
	}
}

func TestReconfigureChangesIntervalsOfRunningJobs(t *testing.T) {
	run(t, nil, func(r *rig) {
		config := defaults
		config.StateReportInterval = common.Duration(time.Second)
		r.sender.Reconfigure(config)
		r.pass(5500 * time.Millisecond)
		if got := len(r.times("UpdateTask")); got != 5 {
			t.Errorf("%d heartbeats", got)
		}
	})
}
