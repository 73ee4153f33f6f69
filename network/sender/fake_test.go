package sender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"gitea.dev/actions-proto-go/runner/v1/runnerv1connect"
	"google.golang.org/protobuf/proto"

	"multirunner/common"
	"multirunner/network"
)

const taskID = 7

// call is a request that the fake server has seen.
type call struct {
	method string
	at     time.Time
	log    *runnerv1.UpdateLogRequest
	task   *runnerv1.UpdateTaskRequest
}

// fault is what happens to a request besides being answered.
type fault struct {
	delay  time.Duration
	before bool  // lost on the way there
	after  bool  // done, and the answer lost on the way back
	answer error // instead of doing it
	status int   // instead of doing it, from a proxy
}

// fakeServer keeps one task and behaves as the tables of the protocol say. It
// is an http.RoundTripper, so that a real client speaks to it in memory.
type fakeServer struct {
	runnerv1connect.UnimplementedRunnerServiceHandler
	handler http.Handler

	mu        sync.Mutex
	calls     []call
	fault     func(method string) fault             // may be nil
	refuses   func(outputs map[string]string) error // may be nil
	rows      []*runnerv1.LogRow
	archived  bool
	old       bool // from before May 2026: no_more without a new row is ignored
	partial   int  // rows taken of a request, 0 for all
	state     *runnerv1.TaskState
	result    runnerv1.Result // the server's own idea, once it has one
	final     bool            // the runner has sent a final state
	outputs   map[string]string
	ignores   string // an output that is never taken
	summaries map[int]string
	problems  []string // breaches of the rules by the sender
}

func newFake() *fakeServer {
	f := &fakeServer{outputs: make(map[string]string), summaries: make(map[int]string)}
	path, handler := runnerv1connect.NewRunnerServiceHandler(f)
	mux := http.NewServeMux()
	mux.Handle("/api/actions"+path, http.StripPrefix("/api/actions", handler))
	mux.HandleFunc("PUT /api/actions_pipeline/_apis/pipelines/workflows/{run}/jobs/{job}/steps/{step}/summary", f.summary)
	f.handler = mux
	return f
}

func (f *fakeServer) client() *network.Client {
	endpoint, err := network.NewPool(network.PoolOptions{Transport: f}).Endpoint("http://gitea.test", network.TLSOptions{})
	if err != nil {
		panic(err)
	}
	return endpoint.Client("uuid", common.NewSecret("token"))
}

func (f *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	_ = req.Body.Close()
	method := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	f.mu.Lock()
	var plan fault
	if f.fault != nil {
		plan = f.fault(method)
	}
	f.mu.Unlock()
	if err := pause(req.Context(), plan.delay); err != nil {
		return nil, err
	}
	if plan.before {
		return nil, errors.New("connection refused")
	}
	if plan.status != 0 {
		return &http.Response{StatusCode: plan.status, Header: http.Header{}, Body: http.NoBody, Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
	}
	inner := req.Clone(context.WithValue(context.Background(), planKey{}, plan))
	inner.Body = io.NopCloser(strings.NewReader(string(body)))
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, inner)
	if err := pause(req.Context(), plan.delay); err != nil {
		return nil, err
	}
	if plan.after {
		return nil, errors.New("connection reset by peer")
	}
	res := recorder.Result()
	res.Request = req
	return res, nil
}

type planKey struct{}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// wrapped is an error as Gitea sends it.
func wrapped(code, text string) error {
	return connect.NewError(connect.CodeUnknown, fmt.Errorf("rpc error: code = %s desc = %s", code, text))
}

func planned(ctx context.Context) error {
	plan, _ := ctx.Value(planKey{}).(fault)
	return plan.answer
}

func (f *fakeServer) UpdateLog(ctx context.Context, req *connect.Request[runnerv1.UpdateLogRequest]) (*connect.Response[runnerv1.UpdateLogResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := req.Msg
	f.calls = append(f.calls, call{method: "UpdateLog", at: time.Now(), log: m})
	if err := planned(ctx); err != nil {
		return nil, err
	}
	if m.TaskId != taskID {
		f.problems = append(f.problems, fmt.Sprintf("UpdateLog for task %d", m.TaskId))
	}
	if m.NoMore && len(m.Rows) == 0 {
		f.problems = append(f.problems, "no_more without a row")
	}
	stored, n := int64(len(f.rows)), int64(len(m.Rows))
	fresh := m.Index <= stored && m.Index+n > stored
	answer := func() (*connect.Response[runnerv1.UpdateLogResponse], error) {
		return connect.NewResponse(&runnerv1.UpdateLogResponse{AckIndex: int64(len(f.rows))}), nil
	}
	if m.Index > stored || f.old && !fresh {
		return answer()
	}
	if fresh && f.archived {
		return nil, wrapped("AlreadyExists", "log file has been archived")
	}
	if fresh {
		rows := m.Rows[stored-m.Index:]
		if f.partial > 0 && len(rows) > f.partial {
			f.rows = append(f.rows, rows[:f.partial]...)
			return answer()
		}
		f.rows = append(f.rows, rows...)
	}
	if m.NoMore {
		f.archived = true
	}
	return answer()
}

func (f *fakeServer) UpdateTask(ctx context.Context, req *connect.Request[runnerv1.UpdateTaskRequest]) (*connect.Response[runnerv1.UpdateTaskResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := req.Msg
	f.calls = append(f.calls, call{method: "UpdateTask", at: time.Now(), task: m})
	if err := planned(ctx); err != nil {
		return nil, err
	}
	if f.refuses != nil {
		if err := f.refuses(m.Outputs); err != nil {
			return nil, err
		}
	}
	if m.State.GetId() != taskID {
		f.problems = append(f.problems, fmt.Sprintf("UpdateTask for task %d", m.State.GetId()))
	}
	if !f.final {
		f.state = m.State
	}
	for key, value := range m.Outputs {
		if _, ok := f.outputs[key]; !ok && key != f.ignores {
			f.outputs[key] = value
		}
	}
	if m.State.GetResult() != runnerv1.Result_RESULT_UNSPECIFIED && !f.final {
		if m.State.StoppedAt == nil {
			f.problems = append(f.problems, "a final state without stopped_at")
		}
		f.final = true
		if f.result == runnerv1.Result_RESULT_UNSPECIFIED {
			f.result = m.State.Result
		}
	}
	res := &runnerv1.UpdateTaskResponse{State: &runnerv1.TaskState{Id: taskID, Result: f.result}}
	for key := range f.outputs {
		res.SentOutputs = append(res.SentOutputs, key)
	}
	return connect.NewResponse(res), nil
}

func (f *fakeServer) summary(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{method: "UploadSummary", at: time.Now()})
	body, _ := io.ReadAll(r.Body)
	step, _ := strconv.Atoi(r.PathValue("step"))
	switch {
	case r.Header.Get("Authorization") != "Bearer runtime":
		http.Error(w, "bad token", http.StatusUnauthorized)
	case f.final:
		if f.summaries[step] != string(body) { // else it is a repetition
			f.problems = append(f.problems, "a summary after the final state")
		}
		http.Error(w, "task is not running", http.StatusInternalServerError)
	case len(body) > 1<<20:
		http.Error(w, "invalid summary", http.StatusBadRequest)
	default:
		f.summaries[step] = string(body)
		_, _ = io.WriteString(w, `{"message":"success"}`)
	}
}

// plan sets what happens to requests from now on.
func (f *fakeServer) plan(fault func(method string) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// planTask sets which outputs are refused from now on.
func (f *fakeServer) planTask(refuses func(outputs map[string]string) error) {
	f.set(func() { f.refuses = refuses })
}

// set changes the server under its lock.
func (f *fakeServer) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// seen gives the requests of a method, all without one.
func (f *fakeServer) seen(method string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.calls), func(c call) bool { return method != "" && c.method != method })
}

func (f *fakeServer) contents() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	texts := make([]string, 0, len(f.rows))
	for _, row := range f.rows {
		texts = append(texts, row.Content)
	}
	return texts
}

func (f *fakeServer) last() *runnerv1.TaskState {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state == nil {
		return nil
	}
	return proto.CloneOf(f.state)
}

func (f *fakeServer) isFinal() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.final
}

func (f *fakeServer) isArchived() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.archived
}
