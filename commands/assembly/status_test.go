package assembly

import (
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestTheStageOfAJobIsItsFirstStepWithoutAResult(t *testing.T) {
	ended := &runnerv1.StepState{Result: runnerv1.Result_RESULT_SUCCESS}
	skipped := &runnerv1.StepState{Result: runnerv1.Result_RESULT_SKIPPED}
	begun := &runnerv1.StepState{StartedAt: timestamppb.Now()}
	ahead := &runnerv1.StepState{}
	for _, test := range []struct {
		name  string
		steps []*runnerv1.StepState
		want  string
	}{
		{"nothing reported", nil, "prepare"},
		{"no step begun", []*runnerv1.StepState{ahead, ahead}, "prepare"},
		{"in the first", []*runnerv1.StepState{begun, ahead}, "step_1"},
		{"between two", []*runnerv1.StepState{ended, ahead}, "step_2"},
		{"after a skipped one", []*runnerv1.StepState{skipped, begun, ahead}, "step_2"},
		{"all over", []*runnerv1.StepState{ended, skipped}, "complete"},
	} {
		if got := stageOf(&runnerv1.TaskState{Steps: test.steps}); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := stageOf(nil); got != "prepare" {
		t.Errorf("no state: %s", got)
	}
}
