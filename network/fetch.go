package network

import (
	"context"
	"strconv"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

// headerTimeout tells the server how long it may take. connect-go writes it
// from the context's deadline; a poll's is shorter than what we wait for.
const headerTimeout = "Connect-Timeout-Ms"

// FetchRequest is one poll for work.
type FetchRequest struct {
	// Version is the tasks version of the last answer: a server that has no
	// newer one answers "nothing" without looking. 0 makes it look.
	Version int64
	// Key names this request. Sent again with the same key, Forgejo answers
	// with the tasks that it assigned before; Gitea ignores it.
	Key string
	// Hold is how long the server is told that it may take. 0 sets no limit.
	Hold time.Duration
	// Patience is how long the client waits. It must be longer than Hold: a
	// server that gives up first knows that it did not deliver, and keeps the
	// task. 0 waits without limit.
	Patience time.Duration
}

// FetchAnswer is what a poll brought.
type FetchAnswer struct {
	Tasks   []*runnerv1.Task // none or one from Gitea
	Version int64            // to send with the next poll, unless there was a task
	Elapsed time.Duration    // until the answer or the error
}

// FetchTask polls once. Elapsed is set also beside an error. ctx is for giving
// up altogether: cancelling it may lose a task that the server has just given
// to us. Its deadline, when it has one, is not told to the server.
func (c *Client) FetchTask(ctx context.Context, r FetchRequest) (FetchAnswer, error) {
	ctx, cancel := context.WithCancelCause(withoutDeadline{ctx})
	defer cancel(nil)
	if r.Patience > 0 {
		timer := time.AfterFunc(r.Patience, func() { cancel(ErrPatience) })
		defer timer.Stop()
	}
	req := authorized(c, &runnerv1.FetchTaskRequest{TasksVersion: r.Version})
	if r.Key != "" {
		req.Header().Set(headerRequestKey, r.Key)
	}
	if r.Hold > 0 {
		req.Header().Set(headerTimeout, strconv.FormatInt(max(r.Hold.Milliseconds(), 1), 10))
	}

	start := time.Now()
	res, err := c.endpoint.runner.FetchTask(ctx, req)
	answer := FetchAnswer{Elapsed: time.Since(start)}
	if err != nil {
		return answer, c.endpoint.callError(ctx, methodFetchTask, err)
	}
	answer.Version = res.Msg.GetTasksVersion()
	if task := res.Msg.GetTask(); task != nil {
		answer.Tasks = []*runnerv1.Task{task}
	}
	return answer, nil
}

// withoutDeadline hides a context's deadline, not its end.
type withoutDeadline struct{ context.Context }

func (withoutDeadline) Deadline() (time.Time, bool) { return time.Time{}, false }
