package sender

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
	"multirunner/network/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var defaults = common.ReportingConfig{
	LogReportInterval:   common.Duration(5 * time.Second),
	LogReportMaxLatency: common.Duration(3 * time.Second),
	LogReportBatchSize:  100,
	StateReportInterval: common.Duration(5 * time.Second),
}

// rig is a sender with one job between a spool in memory and a fake server.
type rig struct {
	t      *testing.T
	server *fakeServer
	spool  *spool.Memory
	sender *Sender
	handle *Handle
	spec   Job
	logs   *logtest.Hook
	log    *logrus.Logger
	began  time.Time

	mu    sync.Mutex
	stops []common.StopReason
}

// run runs a test with a rig under a fake clock. change may be nil.
func run(t *testing.T, change func(*Job), test func(*rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, spool.NewMemory(spool.Options{}), newFake(), change)
		test(r)
		r.close()
	})
}

func newRig(t *testing.T, m *spool.Memory, server *fakeServer, change func(*Job)) *rig {
	r := &rig{t: t, server: server, spool: m, began: time.Now()}
	r.log, r.logs = logtest.NewNullLogger()
	r.spec = Job{
		Key:          "team-a",
		TaskID:       taskID,
		Client:       r.server.client(),
		Source:       m,
		Capabilities: []string{CapabilitySummary},
		Runtime: func(context.Context) (common.Secret, string, string, error) {
			return common.NewSecret("runtime"), "3", "4", nil
		},
		OnStop: func(reason common.StopReason) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.stops = append(r.stops, reason)
		},
		Initial:  m.LoadSent(),
		SaveSent: m.StoreSent,
	}
	if change != nil {
		change(&r.spec)
	}
	r.sender = New(Options{Config: defaults, Log: r.log})
	r.handle = r.sender.Add(r.spec)
	synctest.Wait()
	return r
}

// close leaves the sender at once and checks the server's complaints.
func (r *rig) close() {
	r.t.Helper()
	r.leave()
	_ = r.spool.Close()
	for _, problem := range r.server.problems {
		r.t.Error("the server complains: " + problem)
	}
}

// leave closes the sender without giving it time.
func (r *rig) leave() {
	ctx, cancel := context.WithCancel(r.t.Context())
	cancel()
	r.sender.Close(ctx)
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rows(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		r.ok(r.spool.Row(time.Now(), text))
	}
	r.ok(r.spool.Flush())
}

func (r *rig) end(result runnerv1.Result) {
	r.t.Helper()
	r.ok(r.spool.End(&runnerv1.TaskState{Result: result, StoppedAt: timestamppb.Now()}, "test"))
	r.handle.Wake()
}

// pass lets time pass and everybody work.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// delivered waits until the job is done and checks the outcome.
func (r *rig) delivered(within time.Duration) {
	r.t.Helper()
	r.outcome(within, Delivered)
}

func (r *rig) outcome(within time.Duration, want Outcome) {
	r.t.Helper()
	select {
	case <-r.handle.Done():
	case <-time.After(within):
		r.t.Fatalf("not done after %v; log:\n%s", within, r.logText())
	}
	if got, why := r.handle.Outcome(); got != want {
		r.t.Fatalf("outcome %s (%s), want %s", got, why, want)
	}
}

func (r *rig) logText() string {
	var text strings.Builder
	for _, e := range r.logs.AllEntries() {
		fmt.Fprintf(&text, "%s %s %v\n", e.Level, e.Message, e.Data["error"])
	}
	return text.String()
}

func (r *rig) logged(part string) int { return strings.Count(r.logText(), part) }

// told compares the reasons that the job's owner was told.
func (r *rig) told(want ...common.StopReason) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.stops); diff != "" {
		r.t.Errorf("stops (-want +got):\n%s", diff)
	}
}

// want compares the rows that the server has.
func (r *rig) want(texts ...string) {
	r.t.Helper()
	if diff := cmp.Diff(texts, r.server.contents()); diff != "" {
		r.t.Errorf("rows of the server (-want +got):\n%s", diff)
	}
}

// times gives when requests came, since the beginning.
func (r *rig) times(method string) []time.Duration {
	var at []time.Duration
	for _, c := range r.server.seen(method) {
		at = append(at, c.at.Sub(r.began))
	}
	return at
}

func running(id int64, index int64) *runnerv1.StepState {
	return &runnerv1.StepState{Id: id, StartedAt: timestamppb.Now(), LogIndex: index}
}

func numbered(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint("row ", i)
	}
	return texts
}
