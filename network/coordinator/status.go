package coordinator

import runnerv1 "gitea.dev/actions-proto-go/runner/v1"

// Status is where a run, a job, a task or a step stands.
type Status int

const (
	StatusUnknown Status = iota
	StatusSuccess
	StatusFailure
	StatusCancelled
	StatusSkipped
	StatusWaiting    // for a runner; of a step: not started
	StatusBlocked    // by needs or max-parallel
	StatusRunning    //
	StatusCancelling // told to stop, the runner has not reported the end
)

func (s Status) String() string {
	switch s {
	case StatusSuccess:
		return "success"
	case StatusFailure:
		return "failure"
	case StatusCancelled:
		return "cancelled"
	case StatusSkipped:
		return "skipped"
	case StatusWaiting:
		return "waiting"
	case StatusBlocked:
		return "blocked"
	case StatusRunning:
		return "running"
	case StatusCancelling:
		return "cancelling"
	}
	return "unknown"
}

// Done tells whether the status is final.
func (s Status) Done() bool { return s >= StatusSuccess && s <= StatusSkipped }

// Result is the protocol's form: UNSPECIFIED unless the status is final.
func (s Status) Result() runnerv1.Result {
	switch s {
	case StatusSuccess:
		return runnerv1.Result_RESULT_SUCCESS
	case StatusFailure:
		return runnerv1.Result_RESULT_FAILURE
	case StatusCancelled:
		return runnerv1.Result_RESULT_CANCELLED
	case StatusSkipped:
		return runnerv1.Result_RESULT_SKIPPED
	}
	return runnerv1.Result_RESULT_UNSPECIFIED
}

// statusOf gives the final status of a result, StatusUnknown for UNSPECIFIED.
func statusOf(result runnerv1.Result) Status {
	switch result {
	case runnerv1.Result_RESULT_SUCCESS:
		return StatusSuccess
	case runnerv1.Result_RESULT_FAILURE:
		return StatusFailure
	case runnerv1.Result_RESULT_CANCELLED:
		return StatusCancelled
	case runnerv1.Result_RESULT_SKIPPED:
		return StatusSkipped
	}
	return StatusUnknown
}
