//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
	"multirunner/network/sender"
	"multirunner/network/spool"
)

const (
	runningTasks  = 600
	loggingTasks  = runningTasks * 7 / 10
	runningFor    = 3 * time.Minute
	rowsPerSecond = 2.0
	cancelled     = 60
)

// runningTable is what running jobs cost their server, and how late it knows.
func runningTable(t *testing.T, _ string) table {
	result := table{
		title: fmt.Sprintf("%d running tasks on one server, %d of them logging", runningTasks, loggingTasks),
		note: fmt.Sprintf("Simulated time: the real sender and client with spools in memory. A task that logs writes %.0f rows a second, at random. "+
			"Log latency is from a row's time to its place on the server; cancel latency from the user's click to the job's being told. "+
			"The server takes 20 ms for an answer.", rowsPerSecond),
		head: []string{"requests_per_second", "UpdateLog/s", "UpdateTask/s", "together", "log latency p50", "p99", "max", "cancel latency p50", "p99", "max", "CPU"},
	}
	for _, budget := range []float64{common.DefaultConfig().Reporting.RequestsPerSecond, 0} {
		var s runningSample
		synctest.Test(t, func(t *testing.T) { s = simulateRunning(t, budget) })
		name := fmt.Sprintf("%.0f (default)", budget)
		if budget == 0 {
			name = "no limit"
		}
		cells := []any{name, rate(s.logs, runningFor), rate(s.states, runningFor), rate(s.logs+s.states, runningFor)}
		cells = append(append(cells, s.rows.three()...), s.cancels.three()...)
		result.add(append(cells, s.cpu)...)
	}
	result.add("published for 200 runners × 3 tasks: fixed intervals", "", "", "1300", "", "", "", "", "", "", "")
	result.add("published: adaptive reporting and back-off", "", "", "113", "", "", "", "", "", "", "")
	return result
}

type runningSample struct {
	logs, states  int // requests
	rows, cancels times
	cpu           string
}

// simulateRunning runs tasks for a while, cancels some, and lets all end.
func simulateRunning(t *testing.T, budget float64) runningSample {
	w := newTaskHouse(t, budget)
	var s runningSample
	time.Sleep(time.Minute) // the first reports of all come together
	logs, states := w.requests()
	used := processorTime()
	events := w.server.Events()
	time.Sleep(runningFor)
	events.Close()
	s.rows = latencies(events)
	now, then := w.requests()
	s.logs, s.states = now-logs, then-states
	s.cpu = percent(processorTime()-used, runningFor)
	s.cancels = w.cancel(t)
	w.close(t)
	return s
}

// latencies tells how old each row was when the server stored it.
func latencies(events *coordinator.Subscription) times {
	var list times
	for {
		e, ok := events.Next(context.Background())
		if !ok {
			return list
		}
		for _, row := range e.Rows {
			list = append(list, e.At.Sub(row.Time))
		}
	}
}

// taskHouse is a sender with tasks whose jobs only log.
type taskHouse struct {
	server *coordinator.Server
	sender *sender.Sender
	tasks  []*loggedTask
	ending chan struct{}
	jobs   sync.WaitGroup
}

// loggedTask is a task and what there is of its job.
type loggedTask struct {
	id      int64
	spool   *spool.Memory
	handle  *sender.Handle
	stopped chan time.Time
}

func newTaskHouse(t *testing.T, budget float64) *taskHouse {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	w := &taskHouse{server: coordinator.New(coordinator.Options{}), ending: make(chan struct{})}
	w.server.Fault(coordinator.AnyRPC, coordinator.Fault{DelayAnswer: roundTrip})
	w.sender = sender.New(sender.Options{Config: common.DefaultConfig().Reporting, Log: log, Rand: rand.New(rand.NewPCG(5, 5)).Float64})
	pool := network.NewPool(network.PoolOptions{Transport: w.server.Transport()})
	endpoint, err := pool.Endpoint(w.server.URL(), network.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	row := w.server.AddRunner(coordinator.RunnerSpec{Name: "runner", Labels: []string{"linux"}, Capabilities: []string{"cancelling"}})
	client := endpoint.Client(row.UUID, common.NewSecret(row.Token))
	if _, err := client.Declare(t.Context(), "bench", []string{"linux"}); err != nil {
		t.Fatal(err)
	}
	reports := network.NewBudget(0, budget).Reports
	for range runningTasks {
		w.server.Enqueue(coordinator.RawJob{Repo: repo(0), Labels: []string{"linux"}, Payload: []byte(idlePayload)})
	}
	for i := range runningTasks {
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{})
		if err != nil || len(answer.Tasks) != 1 {
			t.Fatalf("task %d: %d tasks, %v", i, len(answer.Tasks), err)
		}
		w.begin(answer.Tasks[0].GetId(), client, reports, i < loggingTasks)
	}
	return w
}

// begin starts a job with one step.
func (w *taskHouse) begin(id int64, client *network.Client, budget *network.ReportBudget, logs bool) {
	task := &loggedTask{id: id, stopped: make(chan time.Time, 1)}
	wake := func(bool) {
		if task.handle != nil {
			task.handle.Wake()
		}
	}
	task.spool = spool.NewMemory(spool.Options{Notify: wake})
	task.handle = w.sender.Add(sender.Job{
		Key: fmt.Sprint("task-", id), TaskID: id, Client: client, Source: task.spool, Budget: budget,
		OnStop: func(common.StopReason) { task.stopped <- time.Now() }, SaveSent: task.spool.StoreSent,
	})
	w.tasks = append(w.tasks, task)
	began := timestamppb.Now()
	_ = task.spool.State(&runnerv1.TaskState{Id: id, StartedAt: began, Steps: []*runnerv1.StepState{{StartedAt: began}}})
	w.jobs.Go(func() { task.run(w.ending, logs) })
}

// run logs until it is told to end.
func (l *loggedTask) run(ending <-chan struct{}, logs bool) {
	random := rand.New(rand.NewPCG(9, uint64(l.id)))
	var next <-chan time.Time
	for {
		if logs {
			next = time.After(time.Duration(random.ExpFloat64() / rowsPerSecond * float64(time.Second)))
		}
		select {
		case <-next:
			_ = l.spool.Row(time.Now(), "a line of a build, about as long as they are, with a path/to/a/file.go:17")
		case <-ending:
			now := timestamppb.Now()
			_ = l.spool.End(&runnerv1.TaskState{Id: l.id, Result: runnerv1.Result_RESULT_SUCCESS, StoppedAt: now}, "")
			return
		}
	}
}

func (w *taskHouse) requests() (logs, states int) {
	return w.server.Stats(coordinator.UpdateLog).Requests, w.server.Stats(coordinator.UpdateTask).Requests
}

// cancel cancels some tasks at random moments, and tells how long each job did
// not know.
func (w *taskHouse) cancel(t *testing.T) times {
	var list times
	var mu sync.Mutex
	var all sync.WaitGroup
	random := rand.New(rand.NewPCG(11, 11))
	for task := range slices.Chunk(w.tasks, runningTasks/cancelled) {
		after := time.Duration(random.Float64() * float64(time.Minute))
		all.Go(func() {
			time.Sleep(after)
			clicked := time.Now()
			if err := w.server.Cancel(task[0].id); err != nil {
				t.Error(err)
			}
			latency := (<-task[0].stopped).Sub(clicked)
			mu.Lock()
			defer mu.Unlock()
			list = append(list, latency)
		})
	}
	all.Wait()
	return list
}

func (w *taskHouse) close(t *testing.T) {
	close(w.ending)
	w.jobs.Wait()
	for _, task := range w.tasks {
		<-task.handle.Done()
		_ = task.spool.Close()
	}
	w.sender.Close(t.Context())
	w.server.Close()
}
