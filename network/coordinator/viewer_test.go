package coordinator_test

import (
	"slices"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/network/coordinator"
)

func step(id int64, result runnerv1.Result, index, length int64) *runnerv1.StepState {
	state := &runnerv1.StepState{Id: id, Result: result, LogIndex: index, LogLength: length}
	if result != skipped {
		state.StartedAt = at(int(id))
	}
	return state
}

func TestRowsInTheViewer(t *testing.T) {
	for name, test := range map[string]struct {
		rows  int
		steps []*runnerv1.StepState
		want  []int // rows of each step shown
	}{
		"before any step everything is set-up": {3, nil, []int{3, 0, 0, 0}},
		"contiguous":                           {10, []*runnerv1.StepState{step(0, success, 2, 3), step(1, success, 5, 4)}, []int{2, 3, 4, 1}},
		"a running step":                       {5, []*runnerv1.StepState{step(0, unset, 2, 3)}, []int{2, 3, 0, 0}},
		"length ahead of the rows":             {4, []*runnerv1.StepState{step(0, unset, 2, 9)}, []int{2, 2, 0, 0}},
		"the last step is skipped":             {8, []*runnerv1.StepState{step(0, success, 2, 3), step(1, skipped, 5, 0)}, []int{2, 3, 0, 0}},
		"the one before it failed":             {8, []*runnerv1.StepState{step(0, failure, 2, 3), step(1, skipped, 5, 0)}, []int{2, 3, 0, 3}},
		"the first step is skipped":            {8, []*runnerv1.StepState{step(0, skipped, 2, 0), step(1, success, 2, 5)}, []int{2, 0, 5, 1}},
		"rows between steps shift":             {10, []*runnerv1.StepState{step(0, success, 2, 3), step(1, success, 7, 2)}, []int{2, 3, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, coordinator.Options{})
			r := b.runner(coordinator.RunnerSpec{})
			b.enqueue()
			id := r.mustFetch().GetId()
			if _, err := r.log(id, 0, test.rows, false); err != nil {
				t.Fatal(err)
			}
			r.update(&runnerv1.TaskState{Id: id, Steps: test.steps})
			view := b.View(id)
			var names []string
			var got []int
			for _, shown := range view {
				names = append(names, shown.Name)
				got = append(got, len(shown.Rows))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("rows %v, want %v", got, test.want)
			}
			if !slices.Equal(names, []string{"Set up job", "Run echo 1", "second", "Complete job"}) {
				t.Errorf("names %q", names)
			}
		})
	}
}

func TestStepOf(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	r := b.runner(coordinator.RunnerSpec{})
	b.enqueue()
	id := r.mustFetch().GetId()
	check := func(want ...int) {
		t.Helper()
		var got []int
		for row := range int64(len(want)) {
			got = append(got, coordinator.StepOf(b.task(id).Steps, row))
		}
		if !slices.Equal(got, want) {
			t.Errorf("rows belong to %v, want %v", got, want)
		}
	}
	check(-1, -1)
	r.update(&runnerv1.TaskState{Id: id, Steps: []*runnerv1.StepState{step(0, unset, 1, 1)}})
	check(-1, 0, 0, 0)
	r.update(&runnerv1.TaskState{Id: id, Steps: []*runnerv1.StepState{step(0, success, 1, 2), step(1, success, 3, 1)}})
	check(-1, 0, 0, 1, 2, 2)
}
