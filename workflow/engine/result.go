package engine

import runnerv1 "gitea.dev/actions-proto-go/runner/v1"

// result is how a step or a job ended, as contexts spell it.
type result string

const (
	success   result = "success"
	failure   result = "failure"
	cancelled result = "cancelled"
	skipped   result = "skipped"
)

func (r result) proto() runnerv1.Result {
	switch r {
	case success:
		return runnerv1.Result_RESULT_SUCCESS
	case failure:
		return runnerv1.Result_RESULT_FAILURE
	case cancelled:
		return runnerv1.Result_RESULT_CANCELLED
	case skipped:
		return runnerv1.Result_RESULT_SKIPPED
	}
	return runnerv1.Result_RESULT_UNSPECIFIED
}

// resultOf spells a result of the protocol, "" when it is none.
func resultOf(r runnerv1.Result) result {
	for _, known := range []result{success, failure, cancelled, skipped} {
		if known.proto() == r {
			return known
		}
	}
	return ""
}

// worse merges how two parts of one step ended. A cancelled step stays
// cancelled whatever fails after that (GitHub: TaskResultUtil.MergeTaskResults).
func worse(a, b result) result {
	rank := map[result]int{success: 0, failure: 1, cancelled: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
