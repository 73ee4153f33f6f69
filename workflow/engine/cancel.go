package engine

import (
	"fmt"
	"strconv"
	"time"

	"multirunner/common"
)

// Stop makes the job end, in the way that the reason asks for:
//
//   - StopServer cancels it. The running step goes on if its condition still
//     holds, else it is ended; later steps run if they ask for it with always()
//     or cancelled(). After five minutes the rest is killed. The result is
//     cancelled.
//   - StopShutdown ends the running step and skips all others. The result is failure.
//   - StopKill kills the running step and skips all others. The result is failure.
//
// A reason given again, and any after the job's end, does nothing. Safe for
// concurrent use; it does not wait.
func (j *Job) Stop(reason common.StopReason) {
	if !j.stop.note(reason) {
		return
	}
	switch reason {
	case common.StopServer:
		j.rows.warn(fmt.Sprintf("The job was cancelled. Steps that run always() or when cancelled() have %s.", minutes(cancelGrace)))
		j.cancel()
	case common.StopShutdown:
		j.rows.fault("The runner is shutting down: the running step is ended, later steps are skipped, and the job has failed.")
		j.stop.leave(errShutdown)
	default:
		j.rows.fault("The job is killed: the server or the runner's operator asked to end it at once.")
		j.stop.kill(common.ErrKill)
	}
}

// expire cancels the job because its time is up.
func (j *Job) expire() {
	if !j.stop.expire(j.timeout) {
		return
	}
	j.rows.fault(fmt.Sprintf("The job has exceeded its maximum time of %s and is cancelled.", minutes(j.timeout)))
	j.cancel()
}

// cancel begins the cancellation and bounds what it may take.
func (j *Job) cancel() {
	j.stop.after(cancelGrace, func() {
		j.rows.fault(fmt.Sprintf("The cancelled job was not done after %s and is killed.", minutes(cancelGrace)))
		j.stop.kill(common.ErrKill)
	})
	j.stop.cancel(errCancelled)
}

// minutes spells a duration as workflows write timeouts.
func minutes(d time.Duration) string {
	return strconv.FormatFloat(d.Minutes(), 'f', -1, 64) + " minutes"
}
