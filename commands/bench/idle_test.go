//go:build bench && linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// roundTrip is what the simulated server takes for an answer.
const roundTrip = 20 * time.Millisecond

// idleTable is what idle registrations of one server cost it, and how long a
// new job waits for the only registration that may run it: the worst case, for
// a job that several may run is found by the first of them.
func idleTable(t *testing.T, bin string) table {
	result := table{
		title: "Idle registrations of one server",
		note: "The default configuration. Pick-up is what a job waits that only one registration may run: its repository's. " +
			"Simulated: scheduler, client and protocol against the server in memory, which takes 20 ms for an answer, under a fake clock; " +
			"the waits follow from the moments of the polls. Loopback: the real binary in real time, with 12 jobs for each number. " +
			"CPU is of one core, simulated with the server's.",
		head: []string{"registrations", "requests/s", "pick-up p50", "p99", "max", "CPU"},
	}
	for _, n := range []int{1, 20, 200, 2_000, 10_000} {
		s := simulated(t, n, nil)
		result.add(s.row(fmt.Sprint(n, ", simulated"))...)
	}
	// The budget is the operator's to give.
	s := simulated(t, 10_000, func(c *common.Config) { c.Polling.RequestsPerSecond = 250 })
	result.add(s.row("10000, simulated, requests_per_second = 250")...)
	for _, s := range loopback(t, bin, 1, 20) {
		result.add(s.row(fmt.Sprint(s.registrations, ", loopback"))...)
	}
	result.add("official: 20 processes with 1 each", "4", "1.3 to 2.5 s", "", "4 to 6 s", "")
	return result
}

type idleSample struct {
	registrations int
	requests      int           // in
	idle          time.Duration // without a job
	waits         times
	cpu           string
}

func (s idleSample) row(what string) []any {
	return append(append([]any{what, rate(s.requests, s.idle)}, s.waits.three()...), s.cpu)
}

// simulateIdle serves n registrations without a job. A job that comes at some
// moment is found by the next poll of its registration: from the moments of
// the polls follow the waits, without jobs that would change who is polled.
func simulateIdle(t *testing.T, n int, change func(*common.Config)) idleSample {
	w := newHouse(n)
	if change != nil {
		change(w.config)
	}
	stop := w.serve(t)
	// Of the time that a turn of each takes at least, some pass until
	// everybody has declared and is polled at the longest interval.
	sweep := max(time.Minute, time.Duration(float64(n)/w.config.Polling.RequestsPerSecond*float64(time.Second)))
	time.Sleep(2*sweep + 3*time.Minute)

	s := idleSample{registrations: n, idle: sweep}
	before, used, began := w.server.Stats(coordinator.AnyRPC).Requests, processorTime(), time.Now()
	time.Sleep(s.idle)
	s.requests = w.server.Stats(coordinator.AnyRPC).Requests - before
	s.cpu = percent(processorTime()-used, s.idle)
	time.Sleep(sweep + time.Minute) // the polls that the last jobs would wait for
	stop()
	s.waits = w.waits(t, began, s.idle)
	return s
}

// waits are those of jobs that come at random moments for random registrations.
func (w *house) waits(t *testing.T, began time.Time, within time.Duration) times {
	const jobs = 20_000
	random := rand.New(rand.NewPCG(3, 3))
	uuids := slices.Sorted(maps.Keys(w.polls))
	list := make(times, jobs)
	for i := range list {
		at := began.Add(time.Duration(random.Float64() * float64(within)))
		polls := w.polls[uuids[random.IntN(len(uuids))]]
		next, _ := slices.BinarySearchFunc(polls, at, time.Time.Compare)
		if next == len(polls) {
			t.Fatalf("a registration was not polled within %s", time.Since(at))
		}
		list[i] = polls[next].Sub(at) + roundTrip
	}
	return list
}

// processorTime is what this process has used.
func processorTime() time.Duration { return usage(syscall.RUSAGE_SELF) }

func usage(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// simulated is simulateIdle under a fake clock.
func simulated(t *testing.T, n int, change func(*common.Config)) (s idleSample) {
	synctest.Test(t, func(t *testing.T) { s = simulateIdle(t, n, change) })
	return s
}

// house is a supervisor with a server in memory. No job comes.
type house struct {
	config *common.Config
	server *coordinator.Server
	pool   *network.Pool

	mu    sync.Mutex
	polls map[string][]time.Time // by uuid
}

func newHouse(n int) *house {
	w := &house{config: common.DefaultConfig(), polls: map[string][]time.Time{}}
	w.config.Concurrent = 4
	w.server = coordinator.New(coordinator.Options{Observe: w.observe})
	w.server.Fault(coordinator.AnyRPC, coordinator.Fault{DelayAnswer: roundTrip})
	w.pool = network.NewPool(network.PoolOptions{Transport: w.server.Transport()})
	for i := range n {
		row := w.server.AddRunner(coordinator.RunnerSpec{Name: fmt.Sprint("runner-", i), Scope: repo(i)})
		r := common.DefaultRunner()
		r.Name, r.URL, r.UUID, r.Token = row.Name, w.server.URL(), row.UUID, common.NewSecret(row.Token)
		r.Labels = []string{"linux:host"}
		w.config.Runners = append(w.config.Runners, r)
	}
	return w
}

func (w *house) observe(o coordinator.Observation) {
	if o.RPC == coordinator.FetchTask && !o.End {
		w.mu.Lock()
		w.polls[o.UUID] = append(w.polls[o.UUID], o.At)
		w.mu.Unlock()
	}
}

// serve runs a supervisor until the function it gives is called.
func (w *house) serve(t *testing.T) (stop func()) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	requests, ended := make(chan supervisor.StopRequest, 1), make(chan error, 1)
	s, err := supervisor.New(supervisor.Options{
		Config: w.config, Providers: common.Providers{"shell": anyJob{}}, Dialer: w, Keys: w, Claims: w, Starter: w,
		Version: "bench", Log: log, Stop: requests, Rand: rand.New(rand.NewPCG(7, 7)).Float64,
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { ended <- s.Run(context.Background()) }()
	return func() {
		requests <- supervisor.StopDrain
		if err := <-ended; err != nil {
			t.Error(err)
		}
		w.server.Close()
	}
}

func (w *house) Dial(r *common.RunnerConfig) (supervisor.Client, error) {
	endpoint, err := w.pool.Endpoint(r.URL, network.TLSOptions{})
	if err != nil {
		return nil, err
	}
	return endpoint.Client(r.UUID, r.Token), nil
}

func (w *house) Key(id common.RegistrationID) (string, error) { return id.UUID, nil }
func (w *house) Done(common.RegistrationID) error             { return nil }
func (w *house) Seen(string, int64) bool                      { return false }

func (w *house) Claim(*common.RunnerConfig, *runnerv1.Task) (supervisor.Claim, error) {
	return nil, errNoJobs
}

func (w *house) Start(context.Context, supervisor.StartRequest) (supervisor.Build, error) {
	return nil, errNoJobs
}

func (w *house) FailClaim(context.Context, supervisor.StartRequest, string) error { return errNoJobs }

var errNoJobs = errors.New("no job was expected")

// anyJob is an executor that always has room.
type anyJob struct{ common.ExecutorProvider }

func (anyJob) Name() string                    { return "shell" }
func (anyJob) Schemes() []string               { return []string{"host"} }
func (anyJob) Available(context.Context) error { return nil }
func (anyJob) Acquire(context.Context, *common.RunnerConfig) (common.Reservation, error) {
	return noReservation{}, nil
}

type noReservation struct{}

func (noReservation) Release() {}
