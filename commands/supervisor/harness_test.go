package supervisor

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/network"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// classError is an error of a fakeServer.
type classError struct{ class network.Class }

func (e classError) Error() string { return "fake: " + e.class.String() }

func classify(err error) network.Class {
	if e, ok := err.(classError); ok {
		return e.class
	}
	return network.Classify(err)
}

// world is all that surrounds a supervisor in a test: servers, disk, jobs.
type world struct {
	t       *testing.T
	config  *common.Config
	servers map[string]*fakeServer
	rand    *rand.Rand
	stop    chan StopRequest
	reload  chan ReloadRequest
	log     *logrus.Logger
	hook    *test.Hook

	concurrent, over int // for checkSlots

	supervisor *Supervisor
	metrics    *Metrics
	ended      chan error

	mu       sync.Mutex
	duration func(*runnerv1.Task) time.Duration // of jobs; nil: a minute
	keys     map[common.RegistrationID]int
	claims   map[string]bool
	running  int
	peak     int
	started  map[string]time.Time // task → start of its build
	failed   map[string]string    // task → row
	stops    map[string][]common.StopReason
	choices  map[string]Choice
	starter  func(StartRequest) (Build, error)
	startErr func(*runnerv1.Task) error
	claimErr func(*runnerv1.Task) error
	dialErr  func(*common.RunnerConfig) error
	keyErr   error
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t:       t,
		config:  common.DefaultConfig(),
		servers: map[string]*fakeServer{},
		rand:    rand.New(rand.NewPCG(seed, seed)),
		stop:    make(chan StopRequest, 8),
		reload:  make(chan ReloadRequest),
		ended:   make(chan error, 1),
		keys:    map[common.RegistrationID]int{},
		claims:  map[string]bool{},
		started: map[string]time.Time{},
		failed:  map[string]string{},
		stops:   map[string][]common.StopReason{},
		choices: map[string]Choice{},
	}
	w.log, w.hook = test.NewNullLogger()
	w.log.SetOutput(io.Discard)
	w.log.SetLevel(logrus.DebugLevel)
	return w
}

// server adds a server.
func (w *world) server(host string) *fakeServer {
	s := &fakeServer{w: w, url: "https://" + host, runners: map[string]*fakeRunner{}}
	w.servers[s.url] = s
	return s
}

// register adds a registration of a server to the configuration.
func (w *world) register(s *fakeServer, name string, change ...func(*common.RunnerConfig)) *common.RunnerConfig {
	r := newRunner(s, name, change...)
	w.config.Runners = append(w.config.Runners, r)
	return r
}

func newRunner(s *fakeServer, name string, change ...func(*common.RunnerConfig)) *common.RunnerConfig {
	r := common.DefaultRunner()
	r.Name, r.URL, r.UUID = name, s.url, "uuid-"+name
	r.Token = common.NewSecret("token")
	r.Labels = []string{"linux:host"}
	for _, f := range change {
		f(r)
	}
	s.runner(r.UUID)
	return r
}

// run starts the supervisor. The test ends it.
func (w *world) run(change ...func(*Options)) {
	w.t.Helper()
	s := w.make(change...)
	go func() { w.ended <- s.Run(context.Background()) }()
	synctest.Wait()
}

func (w *world) make(change ...func(*Options)) *Supervisor {
	w.t.Helper()
	w.mu.Lock()
	random := rand.New(rand.NewPCG(w.rand.Uint64(), 1))
	w.mu.Unlock()
	options := Options{
		Config:    w.config,
		Providers: common.Providers{"shell": &fakeProvider{name: "shell", scheme: "host"}},
		Dialer:    w, Keys: w, Claims: w, Starter: w,
		Version:  "v1",
		Log:      w.log,
		Metrics:  w.metrics,
		Reload:   w.reload,
		Stop:     w.stop,
		Rand:     random.Float64,
		Classify: classify,
	}
	for _, f := range change {
		f(&options)
	}
	s, err := New(options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.supervisor = s
	s.observe = w.checkSlots
	return s
}

// checkSlots is the permit law. What ran before concurrent was made smaller
// goes on.
func (w *world) checkSlots(f *feeder, _ time.Time) {
	sl := f.slots
	over := max(0, sl.running+sl.polling-sl.concurrent)
	if w.concurrent == sl.concurrent && over > w.over {
		w.t.Errorf("%d running + %d polling > concurrent %d", sl.running, sl.polling, sl.concurrent)
	}
	w.concurrent, w.over = sl.concurrent, over
	if sl.running < 0 || sl.polling < 0 || sl.exempt < 0 || sl.idle < 0 || sl.idle > sl.workers {
		w.t.Errorf("counts are wrong: %+v", sl)
	}
}

// end stops the supervisor and waits for it.
func (w *world) end(req StopRequest) error {
	w.t.Helper()
	w.stop <- req
	return <-w.ended
}

func (w *world) Dial(r *common.RunnerConfig) (Client, error) {
	if w.dialErr != nil {
		if err := w.dialErr(r); err != nil {
			return nil, err
		}
	}
	s := w.servers[common.NormalizeURL(r.URL)]
	if s == nil {
		return nil, fmt.Errorf("no server at %s", r.URL)
	}
	return &fakeClient{server: s, uuid: r.UUID}, nil
}

func (w *world) Key(id common.RegistrationID) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.keyErr != nil {
		return "", w.keyErr
	}
	return fmt.Sprintf("%s/%d", id.UUID, w.keys[id]), nil
}

func (w *world) Done(id common.RegistrationID) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[id]++
	return nil
}

func taskKey(url string, id int64) string { return fmt.Sprintf("%s#%d", url, id) }

func (w *world) Seen(url string, id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.claims[taskKey(url, id)]
}

func (w *world) Claim(r *common.RunnerConfig, task *runnerv1.Task) (Claim, error) {
	if w.claimErr != nil {
		if err := w.claimErr(task); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := taskKey(common.NormalizeURL(r.URL), task.GetId())
	if w.claims[key] {
		return nil, ErrSeen
	}
	w.claims[key] = true
	return key, nil
}

func (w *world) Start(_ context.Context, req StartRequest) (Build, error) {
	if w.startErr != nil {
		if err := w.startErr(req.Task); err != nil {
			return nil, err
		}
	}
	if w.starter != nil {
		return w.starter(req)
	}
	key := req.Claim.(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started[key].IsZero() {
		w.t.Errorf("task %s was started twice", key)
	}
	w.started[key] = time.Now()
	w.choices[key] = req.Choice
	w.running++
	w.peak = max(w.peak, w.running)
	d := time.Minute
	if w.duration != nil {
		d = w.duration(req.Task)
	}
	b := &fakeBuild{w: w, key: key, done: make(chan struct{}), stopped: make(chan struct{})}
	go b.run(d)
	return b, nil
}

func (w *world) FailClaim(_ context.Context, req StartRequest, row string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed[taskKey(common.NormalizeURL(req.Runner.URL), req.Task.GetId())] = row
	return nil
}

// handled tells whether a task has reached a build or a report.
func (w *world) handled(url string, id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := taskKey(url, id)
	_, failed := w.failed[key]
	return failed || !w.started[key].IsZero()
}

func (w *world) startOf(s *fakeServer, id int64) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started[taskKey(s.url, id)]
}

func (w *world) runningNow() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running
}

// stopped is how many jobs were told to stop.
func (w *world) stopped() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stops)
}

// rowOf is the row with which a task was reported as failed.
func (w *world) rowOf(s *fakeServer, id int64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed[taskKey(s.url, id)]
}

func (w *world) stopsOf(s *fakeServer, id int64) []common.StopReason {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stops[taskKey(s.url, id)]
}

// logged counts lines that hold a text, from a level on.
func (w *world) logged(level logrus.Level, text string) int {
	n := 0
	for _, e := range w.hook.AllEntries() {
		if e.Level <= level && contains(e.Message, text) {
			n++
		}
	}
	return n
}

func contains(text, part string) bool {
	for i := 0; i+len(part) <= len(text); i++ {
		if text[i:i+len(part)] == part {
			return true
		}
	}
	return false
}
