package coordinator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network"
	"multirunner/network/coordinator"
)

func statuses(task coordinator.TaskInfo) (all []coordinator.Status) {
	for _, step := range task.Steps {
		all = append(all, step.Status)
	}
	return all
}

func TestStepsFollowTheStateAndOmittedOnesStartAgain(t *testing.T) {
	const (
		ok      = coordinator.StatusSuccess
		running = coordinator.StatusRunning
		waiting = coordinator.StatusWaiting
	)
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	done := &runnerv1.StepState{Id: 0, Result: success, StartedAt: at(0), StoppedAt: at(5), LogIndex: 1, LogLength: 3}
	for _, test := range []struct {
		name  string
		steps []*runnerv1.StepState
		want  []coordinator.Status
	}{
		{"nothing yet", nil, []coordinator.Status{waiting, waiting}},
		{"the first runs", []*runnerv1.StepState{{Id: 0, StartedAt: at(0)}}, []coordinator.Status{running, waiting}},
		{"and ends", []*runnerv1.StepState{done}, []coordinator.Status{ok, waiting}},
		{"omitted", []*runnerv1.StepState{{Id: 1, StartedAt: at(6)}}, []coordinator.Status{running, running}},
		{"both sent", []*runnerv1.StepState{done, {Id: 1, StartedAt: at(6)}}, []coordinator.Status{ok, running}},
		{"unknown ids are ignored", []*runnerv1.StepState{done, {Id: 1, StartedAt: at(6)}, {Id: 9, Result: failure}}, []coordinator.Status{ok, running}},
	} {
		if got := r.update(&runnerv1.TaskState{Id: id, Steps: test.steps}); got != unset {
			t.Errorf("%s: answered %v", test.name, got)
		}
		if got := statuses(b.task(id)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	step := b.task(id).Steps[0]
	if step.LogIndex != 1 || step.LogLength != 3 || step.Stopped.Sub(step.Started) != 5*time.Second || step.Name != "Run echo 1" {
		t.Errorf("step %+v", step)
	}
}

func TestTheFirstEndStands(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	final := &runnerv1.TaskState{Id: id, Result: success, StoppedAt: at(9), Steps: []*runnerv1.StepState{
		{Id: 0, Result: success, StartedAt: at(0), StoppedAt: at(9)}, {Id: 1, Result: skipped},
	}}
	if got := r.update(final); got != success {
		t.Errorf("answered %v", got)
	}
	if got := r.update(&runnerv1.TaskState{Id: id, Result: failure, StoppedAt: at(10)}); got != success {
		t.Errorf("a second end is answered %v", got)
	}
	if got := r.update(&runnerv1.TaskState{Id: id}); got != success {
		t.Errorf("a late heartbeat is answered %v", got)
	}
	task := b.task(id)
	if task.Status != coordinator.StatusSuccess || task.Stopped.Unix() != at(9).GetSeconds() || task.Steps[1].Status != coordinator.StatusSkipped {
		t.Errorf("task %+v", task)
	}
}

func TestWithoutStoppedAtATaskEndsIn1970(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	r.update(&runnerv1.TaskState{Id: id, Result: failure})
	if got := b.task(id).Stopped; got.Year() != 1970 {
		t.Errorf("stopped %v", got)
	}
}

func TestOutputsAreKeptOnceAndWithinLimits(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	send := func(result runnerv1.Result, outputs map[string]string) []string {
		t.Helper()
		res, err := r.UpdateTask(t.Context(), &runnerv1.UpdateTaskRequest{
			State: &runnerv1.TaskState{Id: id, Result: result, StoppedAt: at(1)}, Outputs: outputs,
		})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetSentOutputs()
	}
	long := strings.Repeat("k", 255)
	send(unset, map[string]string{"a": "1", long: "x", long + "k": "x", "big": strings.Repeat("v", 1<<20), "bigger": strings.Repeat("v", 1<<20+1)})
	send(unset, map[string]string{"a": "2"})
	send(success, nil)
	if got := send(unset, map[string]string{"late": "3"}); !slices.Equal(got, []string{"a", "big", long, "late"}) {
		t.Errorf("sent outputs %d", len(got))
	}
	if got := b.task(id).Outputs; got["a"] != "1" || got["late"] != "3" {
		t.Errorf("a is %q, late is %q", got["a"], got["late"])
	}
}

func TestUpdatesOfTasksThatAreNotOnes(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r, other := b.runner(coordinator.RunnerSpec{}), b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	for name, test := range map[string]struct {
		by   *runner
		task int64
		want network.Class
	}{
		"no such task":    {r, 99, network.ClassTaskGone},
		"somebody else's": {other, id, network.ClassForeignTask},
		"one's own":       {r, id, network.ClassNone},
	} {
		_, err := test.by.UpdateTask(t.Context(), &runnerv1.UpdateTaskRequest{State: &runnerv1.TaskState{Id: test.task}})
		if got := network.Classify(err); got != test.want {
			t.Errorf("%s: UpdateTask: %v is %v", name, err, got)
		}
		_, err = test.by.log(test.task, 0, 0, false)
		if got := network.Classify(err); got != test.want {
			t.Errorf("%s: UpdateLog: %v is %v", name, err, got)
		}
	}
}

func TestCancelling(t *testing.T) {
	start := func(t *testing.T, options coordinator.Options, capable bool) (*runner, int64) {
		b := newBench(t, options)
		r := b.runner(coordinator.RunnerSpec{})
		if capable {
			r = b.capable()
		}
		b.enqueue()
		id := r.mustFetch().GetId()
		r.update(&runnerv1.TaskState{Id: id, Steps: []*runnerv1.StepState{{Id: 0, StartedAt: at(0)}}})
		if err := b.Cancel(id); err != nil {
			t.Fatal(err)
		}
		return r, id
	}
	t.Run("a capable runner ends the task itself", func(t *testing.T) {
		r, id := start(t, coordinator.Options{}, true)
		if got := r.task(id); got.Status != coordinator.StatusCancelling {
			t.Errorf("task is %v", got.Status)
		}
		steps := []*runnerv1.StepState{{Id: 0, Result: cancelled, StartedAt: at(0), StoppedAt: at(1)}, {Id: 1, StartedAt: at(1)}}
		if got := r.update(&runnerv1.TaskState{Id: id, Steps: steps}); got != cancelled {
			t.Errorf("answered %v", got)
		}
		if got := statuses(r.task(id)); got[1] != coordinator.StatusRunning {
			t.Errorf("steps %v: always() steps run on", got)
		}
		if ack, err := r.log(id, 0, 1, false); ack != 1 || err != nil {
			t.Errorf("ack %d, %v", ack, err)
		}
		if got := r.update(&runnerv1.TaskState{Id: id, Result: success, StoppedAt: at(2)}); got != cancelled {
			t.Errorf("the end is answered %v", got)
		}
		if got := r.task(id).Status; got != coordinator.StatusCancelled {
			t.Errorf("stored as %v", got)
		}
	})
	for name, test := range map[string]struct {
		options coordinator.Options
		capable bool
	}{
		"for others it is over at once": {coordinator.Options{}, false},
		"Forgejo knows no other way":    {coordinator.Options{Forgejo: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, id := start(t, test.options, test.capable)
			if got := r.task(id); got.Status != coordinator.StatusCancelled || statuses(got)[1] != coordinator.StatusCancelled {
				t.Errorf("task %+v", got)
			}
			if got := r.update(&runnerv1.TaskState{Id: id}); got != cancelled {
				t.Errorf("answered %v", got)
			}
			if ack, err := r.log(id, 0, 1, true); ack != 1 || err != nil {
				t.Errorf("rows after the end: %d, %v", ack, err)
			}
		})
	}
	t.Run("without its runner it is over", func(t *testing.T) {
		r, id := start(t, coordinator.Options{}, true)
		if err := r.DeleteRunner(r.row.UUID); err != nil {
			t.Fatal(err)
		}
		if err := r.Cancel(id); err != nil {
			t.Fatal(err)
		}
		if got := r.task(id).Status; got != coordinator.StatusCancelled {
			t.Errorf("task is %v", got)
		}
	})
}

func TestASweepEndsSilentTasks(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	b := newBench(t, coordinator.Options{Now: func() time.Time { return now }})
	r := b.capable()
	start := func(rows int) int64 {
		t.Helper()
		b.enqueue()
		id := r.mustFetch().GetId()
		if _, err := r.log(id, 0, rows, false); err != nil {
			t.Fatal(err)
		}
		return id
	}
	silent, quiet, cancelledOne, alive := start(1), start(0), start(1), start(1)
	if err := b.Cancel(cancelledOne); err != nil {
		t.Fatal(err)
	}
	now = now.Add(9 * time.Minute)
	r.update(&runnerv1.TaskState{Id: alive})
	if _, err := r.log(silent, 0, 1, false); err != nil { // a duplicate is no sign of life
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	if n := b.Sweep(); n != 3 {
		t.Errorf("swept %d", n)
	}
	for id, want := range map[int64]runnerv1.Result{silent: failure, quiet: failure, cancelledOne: cancelled, alive: unset} {
		if got := r.update(&runnerv1.TaskState{Id: id}); got != want {
			t.Errorf("task %d is answered %v, want %v", id, got, want)
		}
	}
	if _, err := r.log(silent, 1, 1, false); network.Classify(err) != network.ClassArchived {
		t.Errorf("rows of a swept task: %v", err)
	}
	if ack, err := r.log(quiet, 0, 1, false); ack != 1 || err != nil {
		t.Errorf("first row of a swept task: %d, %v", ack, err)
	}
	for range 20 { // however alive, three hours are enough
		now = now.Add(9 * time.Minute)
		r.update(&runnerv1.TaskState{Id: alive})
	}
	if n := b.Sweep(); n != 1 {
		t.Errorf("swept %d endless tasks", n)
	}
}
