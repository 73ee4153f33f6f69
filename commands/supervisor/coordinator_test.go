package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// realWorld is a world whose clients and servers are the real ones, in memory.
type realWorld struct {
	*world
	pool    *network.Pool
	hosts   coordinator.Hosts
	servers map[string]*coordinator.Server
	fetches map[string][]time.Time // by uuid
}

func newRealWorld(t *testing.T, seed uint64) *realWorld {
	w := &realWorld{world: newWorld(t, seed), hosts: coordinator.Hosts{}, servers: map[string]*coordinator.Server{}, fetches: map[string][]time.Time{}}
	w.pool = network.NewPool(network.PoolOptions{Transport: w.hosts})
	w.duration = func(*runnerv1.Task) time.Duration { return 5 * time.Second }
	return w
}

func (w *realWorld) start(host string, forgejo bool) *coordinator.Server {
	s := coordinator.New(coordinator.Options{URL: "http://" + host, Forgejo: forgejo, Observe: func(o coordinator.Observation) {
		if o.RPC == coordinator.FetchTask && !o.End {
			w.mu.Lock()
			w.fetches[o.UUID] = append(w.fetches[o.UUID], time.Now())
			w.mu.Unlock()
		}
	}})
	w.hosts[host], w.servers[host] = s.Transport(), s
	return s
}

// join registers a runner for one repository.
func (w *realWorld) join(host, name string) *common.RunnerConfig {
	info := w.servers[host].AddRunner(coordinator.RunnerSpec{Name: name, Scope: coordinator.Scope{Owner: "o", Repo: name}})
	r := common.DefaultRunner()
	r.Name, r.URL, r.UUID, r.Token = name, "http://"+host, info.UUID, common.NewSecret(info.Token)
	r.Labels = []string{"linux:host"}
	w.config.Runners = append(w.config.Runners, r)
	return r
}

func (w *realWorld) Dial(r *common.RunnerConfig) (Client, error) {
	endpoint, err := w.pool.Endpoint(r.URL, network.TLSOptions{})
	if err != nil {
		return nil, err
	}
	return endpoint.Client(r.UUID, r.Token), nil
}

func (w *realWorld) begin() {
	w.run(func(o *Options) { o.Dialer, o.Classify = w, nil })
}

func (w *realWorld) close() {
	if err := w.end(StopDrain); err != nil {
		w.t.Error(err)
	}
	for _, s := range w.servers {
		s.Close()
	}
}

// job gives a repository a job.
func (w *realWorld) job(host, repo string) {
	w.servers[host].Enqueue(coordinator.RawJob{
		Repo: coordinator.Scope{Owner: "o", Repo: repo}, Labels: []string{"linux"}, Payload: []byte(plainPayload),
	})
}

// lastWait is how long a job that came at a moment took to start; one that
// has not started counts as the time until now.
func (w *realWorld) lastWait(host string, since time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, start := range w.started {
		if !start.Before(since) && contains(key, host) {
			return start.Sub(since)
		}
	}
	return time.Since(since)
}

func TestOneSlotThreeRegistrationsAndAServerThatHoldsForFiftySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRealWorld(t, 90)
		s := w.start("one.example", false)
		s.Fault(coordinator.FetchTask, coordinator.Fault{Hold: 50 * time.Second})
		for i := range 3 {
			w.join("one.example", fmt.Sprint("r", i))
		}
		w.begin()
		time.Sleep(time.Minute)
		known := time.Now()
		time.Sleep(10 * time.Minute)
		for i := range 20 {
			w.job("one.example", fmt.Sprint("r", i%3))
			submitted := time.Now()
			time.Sleep(30 * time.Second)
			if wait := w.lastWait("one.example", submitted); wait > w.config.Polling.CycleTarget.Std() {
				t.Errorf("job %d started after %s", i, wait)
			}
		}
		w.close()
		for uuid, starts := range w.fetches {
			starts = slices.DeleteFunc(starts, func(at time.Time) bool { return at.Before(known) || at.After(known.Add(10*time.Minute)) })
			for i := 1; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); gap > w.config.Polling.CycleTarget.Std() {
					t.Errorf("%s was not asked for %s", uuid, gap)
				}
			}
		}
	})
}

func TestOneOfTwoRealServersHangs(t *testing.T) {
	for _, concurrent := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			w := newRealWorld(t, 91)
			w.config.Concurrent = concurrent
			w.start("good.example", false)
			bad := w.start("bad.example", false)
			for i := range 4 {
				w.join("good.example", fmt.Sprint("g", i))
				w.join("bad.example", fmt.Sprint("b", i))
			}
			w.begin()
			time.Sleep(time.Minute)
			bad.Fault(coordinator.AnyRPC, coordinator.Fault{Hang: true})
			for i := range 30 {
				w.job("good.example", fmt.Sprint("g", i%4))
				submitted := time.Now()
				time.Sleep(20 * time.Second)
				if wait := w.lastWait("good.example", submitted); wait > 8*time.Second {
					t.Errorf("concurrent %d: job %d started after %s", concurrent, i, wait)
				}
			}
			bad.ClearFaults()
			w.job("bad.example", "b2")
			back := time.Now()
			time.Sleep(3 * time.Minute)
			if wait := w.lastWait("bad.example", back); wait > 2*time.Minute {
				t.Errorf("concurrent %d: a job of the server that is back started after %s", concurrent, wait)
			}
			w.close()
		})
	}
}

func TestADeletedRunnerIsRecognisedByTheServersWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRealWorld(t, 92)
		s := w.start("one.example", false)
		gone := w.join("one.example", "gone")
		w.join("one.example", "stays")
		w.begin()
		time.Sleep(time.Minute)
		if err := s.DeleteRunner(gone.UUID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if n := w.logged(logrus.ErrorLevel, "does not know this registration"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		w.job("one.example", "stays")
		submitted := time.Now()
		time.Sleep(time.Minute)
		if wait := w.lastWait("one.example", submitted); wait > 5*time.Second {
			t.Errorf("a job of the other registration started after %s", wait)
		}
		w.close()
	})
}

func TestAnAnswerThatIsLostComesAgainFromForgejo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRealWorld(t, 93)
		s := w.start("one.example", true)
		w.join("one.example", "a")
		w.begin()
		time.Sleep(10 * time.Second)
		for _, fault := range []coordinator.Fault{{DropAfter: true}, {ResetAfter: true}, {HangAfter: true}} {
			fault.Count = 1
			s.Fault(coordinator.FetchTask, fault)
			before := len(s.Tasks())
			// The fault meets the next poll: have it bring a task.
			w.job("one.example", "a")
			time.Sleep(2 * time.Minute)
			if n := len(s.Tasks()) - before; n != 1 {
				t.Errorf("%+v: %d tasks", fault, n)
			}
		}
		if len(w.started) != 3 {
			t.Errorf("%d of 3 tasks were started", len(w.started))
		}
		w.close()
	})
}
