package coordinator_test

import (
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
	"multirunner/workflow/expression"
)

const payload = "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - run: echo 1\n      - name: second\n        run: echo 2\n"

var repo = coordinator.Scope{Owner: "owner", Repo: "repo"}

// bench is a server with a client side.
type bench struct {
	*testing.T
	*coordinator.Server
	endpoint *network.Endpoint
}

func newBench(t *testing.T, options coordinator.Options) *bench {
	t.Helper()
	s := coordinator.New(options)
	t.Cleanup(s.Close)
	pool := network.NewPool(network.PoolOptions{Transport: s.Transport()})
	e, err := pool.Endpoint(s.URL(), network.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{T: t, Server: s, endpoint: e}
}

// runner is a registration on the bench.
type runner struct {
	*bench
	*network.Client
	row coordinator.RunnerInfo
}

func (b *bench) runner(spec coordinator.RunnerSpec) *runner {
	if spec.Labels == nil {
		spec.Labels = []string{"linux"}
	}
	row := b.AddRunner(spec)
	return &runner{bench: b, Client: b.endpoint.Client(row.UUID, common.NewSecret(row.Token)), row: row}
}

// capable is a runner that ends cancelled jobs itself.
func (b *bench) capable() *runner {
	return b.runner(coordinator.RunnerSpec{Capabilities: []string{"cancelling"}})
}

func (b *bench) enqueue() int64 {
	_, job := b.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
	return job
}

// fetch polls once and gives the task, or nil, and the version.
func (r *runner) fetch(version int64) (*runnerv1.Task, int64) {
	r.Helper()
	answer, err := r.FetchTask(r.Context(), network.FetchRequest{Version: version})
	if err != nil {
		r.Fatal(err)
	}
	if len(answer.Tasks) == 0 {
		return nil, answer.Version
	}
	return answer.Tasks[0], answer.Version
}

func (r *runner) mustFetch() *runnerv1.Task {
	r.Helper()
	task, _ := r.fetch(0)
	if task == nil {
		r.Fatal("no task")
	}
	return task
}

// update sends a state and gives the result that comes back.
func (r *runner) update(state *runnerv1.TaskState) runnerv1.Result {
	r.Helper()
	res, err := r.UpdateTask(r.Context(), &runnerv1.UpdateTaskRequest{State: state})
	if err != nil {
		r.Fatal(err)
	}
	if res.GetState().GetId() != state.GetId() {
		r.Errorf("answer for task %d", res.GetState().GetId())
	}
	return res.GetState().GetResult()
}

// finish ends a task.
func (r *runner) finish(id int64, result runnerv1.Result, outputs map[string]string) {
	r.Helper()
	_, err := r.UpdateTask(r.Context(), &runnerv1.UpdateTaskRequest{
		State:   &runnerv1.TaskState{Id: id, Result: result, StoppedAt: timestamppb.Now()},
		Outputs: outputs,
	})
	if err != nil {
		r.Fatal(err)
	}
}

// log sends rows and gives the ack.
func (r *runner) log(id, index int64, n int, noMore bool) (int64, error) {
	rows := make([]*runnerv1.LogRow, n)
	for i := range rows {
		rows[i] = &runnerv1.LogRow{Time: timestamppb.Now(), Content: "row"}
	}
	res, err := r.UpdateLog(r.Context(), &runnerv1.UpdateLogRequest{TaskId: id, Index: index, Rows: rows, NoMore: noMore})
	return res.GetAckIndex(), err
}

func at(seconds int) *timestamppb.Timestamp {
	return timestamppb.New(time.Unix(int64(1_700_000_000+seconds), 0))
}

func (b *bench) task(id int64) coordinator.TaskInfo {
	b.Helper()
	task, ok := b.Task(id)
	if !ok {
		b.Fatalf("no task %d", id)
	}
	return task
}

const (
	unset     = runnerv1.Result_RESULT_UNSPECIFIED
	success   = runnerv1.Result_RESULT_SUCCESS
	failure   = runnerv1.Result_RESULT_FAILURE
	cancelled = runnerv1.Result_RESULT_CANCELLED
	skipped   = runnerv1.Result_RESULT_SKIPPED
)

func (r *runner) mustFetchKey(key string) *runnerv1.Task {
	r.Helper()
	answer, err := r.FetchTask(r.Context(), network.FetchRequest{Key: key})
	if err != nil || len(answer.Tasks) != 1 {
		r.Fatalf("answer %+v, %v", answer, err)
	}
	return answer.Tasks[0]
}

var emptyScope = expression.ScopeOf(expression.NewObject(), nil)

func replace(text, old, by string) string { return strings.ReplaceAll(text, old, by) }

func state(id int64) *runnerv1.TaskState { return &runnerv1.TaskState{Id: id} }

func compact(json string) string { return strings.Join(strings.Fields(json), "") }
