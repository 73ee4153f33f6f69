package supervisor

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/network"
)

func TestAnUnregisteredRunnerIsLoggedOnceAndAskedEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50)
		w.config.Concurrent = 2
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		w.run()
		time.Sleep(time.Minute)
		s.set(func() { s.runners["uuid-a"].gone = true })
		time.Sleep(30 * time.Second)
		before := len(s.polls("uuid-a"))
		time.Sleep(time.Hour)
		if n := len(s.polls("uuid-a")) - before; n < 10 || n > 15 {
			t.Errorf("asked %d times in an hour, want every 5 minutes", n)
		}
		if n := w.logged(logrus.ErrorLevel, "does not know this registration"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		if n := w.logged(logrus.ErrorLevel, `unregister --name "a"`); n != 1 {
			t.Error("the line does not say what to do")
		}
		if n := len(s.polls("uuid-b")); n < 60*60/4 {
			t.Errorf("the other registration of the server was polled %d times", n)
		}
		s.set(func() { s.runners["uuid-a"].gone = false })
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Minute)
		if w.startOf(s, id).IsZero() {
			t.Error("a task after the registration came back was not run")
		}
		w.end(StopDrain)
	})
}

func TestErrorsBackOffToAMinuteAndAreLoggedOnce(t *testing.T) {
	for _, class := range []network.Class{network.ClassTransport, network.ClassBusy, network.ClassInternal, network.ClassUnimplemented, network.ClassPermanent} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 51)
			w.config.Concurrent = 4
			s := w.server("one.example")
			for i := range 50 {
				w.register(s, fmt.Sprint("r", i))
			}
			w.run()
			time.Sleep(5 * time.Minute)
			s.set(func() { s.refuse = &class })
			time.Sleep(5 * time.Minute)
			before := s.asked()
			time.Sleep(10 * time.Minute)
			perRegistration := float64(s.asked()-before) / 50
			if perRegistration > 13 {
				t.Errorf("%s: %.1f requests per registration in 10 minutes", class, perRegistration)
			}
			if serverFails(class) && s.asked()-before > 15 {
				t.Errorf("%s: a server that fails was asked %d times in 10 minutes", class, s.asked()-before)
			}
			warned := w.logged(logrus.WarnLevel, "")
			if limit := map[bool]int{true: 5, false: 50}[serverFails(class)]; warned > limit {
				t.Errorf("%s: %d warnings", class, warned)
			}
			s.set(func() { s.refuse = nil })
			id := s.submit("uuid-r9", 1)[0]
			back := time.Now()
			time.Sleep(3 * time.Minute)
			if start := w.startOf(s, id); start.IsZero() || start.Sub(back) > 150*time.Second {
				t.Errorf("%s: a task after the server came back was started after %s", class, start.Sub(back))
			}
			w.end(StopDrain)
		})
	}
}

func TestOneFailedCallIsAskedForAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 52)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(time.Minute)
		class := network.ClassTransport
		s.set(func() { s.refuse = &class })
		time.Sleep(3500 * time.Millisecond)
		s.set(func() { s.refuse = nil })
		id := s.submit("uuid-a", 1)[0]
		back := time.Now()
		time.Sleep(time.Minute)
		if start := w.startOf(s, id); start.IsZero() || start.Sub(back) > 5*time.Second {
			t.Errorf("started after %s", start.Sub(back))
		}
		w.end(StopDrain)
	})
}

func TestARegistrationWithoutWhatItNeedsIsNotPolled(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*common.RunnerConfig)
		say    string
	}{
		"no token":             {func(r *common.RunnerConfig) { r.Token = common.Secret{} }, "no token"},
		"no uuid":              {func(r *common.RunnerConfig) { r.UUID = "" }, "no uuid"},
		"no executor":          {func(r *common.RunnerConfig) { r.Labels, r.Executor = nil, "docker" }, `no executor "docker"`},
		"labels of no account": {func(r *common.RunnerConfig) { r.Labels = []string{"x:docker://i"} }, "none of its labels"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 53)
			s := w.server("one.example")
			w.register(s, "a", c.change)
			w.register(s, "b")
			w.run()
			time.Sleep(5 * time.Minute)
			if n := len(s.polls(w.config.Runners[0].UUID)); n != 0 {
				t.Errorf("%s: polled %d times", name, n)
			}
			if len(s.polls("uuid-b")) == 0 {
				t.Errorf("%s: the other one was not polled", name)
			}
			if w.logged(logrus.ErrorLevel, c.say) != 1 {
				t.Errorf("%s: no line that says so", name)
			}
			status, _ := w.supervisor.Snapshot(t.Context())
			if got := status.Registrations[0].Health; got != HealthMisconfigured {
				t.Errorf("%s: health %q", name, got)
			}
			w.end(StopDrain)
		})
	}
}

func TestAnEphemeralRegistrationIsNotPolledAfterItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 54)
		w.config.Concurrent = 3
		s := w.server("one.example")
		w.register(s, "a", func(r *common.RunnerConfig) { r.Ephemeral = true })
		w.run()
		s.submit("uuid-a", 3)
		time.Sleep(10 * time.Minute)
		if n := len(s.runner("uuid-a").committed); n != 1 {
			t.Errorf("%d tasks", n)
		}
		polls := s.polls("uuid-a")
		if last := polls[len(polls)-1]; last.task == 0 {
			t.Error("it was polled after its task")
		}
		w.end(StopDrain)
	})
}

func TestAPanicTakesDownNothingElse(t *testing.T) {
	boom := func() error { panic("boom") }
	never := func() {}
	for name, arm := range map[string]func(*world, *fakeProvider) (disarm func()){
		"dial":  func(w *world, _ *fakeProvider) func() { w.dialErr = only("a", boom); return never },
		"claim": func(w *world, _ *fakeProvider) func() { return oncePanic(&w.claimErr) },
		"start": func(w *world, _ *fakeProvider) func() { return oncePanic(&w.startErr) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 55)
			w.config.Concurrent = 2
			s := w.server("one.example")
			w.register(s, "a")
			w.register(s, "b")
			provider := &fakeProvider{name: "shell", scheme: "host"}
			arm(w, provider)
			w.run(func(o *Options) { o.Providers = common.Providers{"shell": provider} })
			s.submit("uuid-a", 2)
			s.submit("uuid-b", 6)
			time.Sleep(20 * time.Minute)
			for id := int64(1); id <= s.nextID; id++ {
				if !w.handled(s.url, id) && !(name == "dial" && id <= 2) {
					t.Errorf("%s: task %d was not handled", name, id)
				}
			}
			if w.logged(logrus.ErrorLevel, "Panic: boom") == 0 {
				t.Errorf("%s: the panic was not logged", name)
			}
			if provider.holding() != 0 {
				t.Errorf("%s: %d reservations left", name, provider.holding())
			}
			status, _ := w.supervisor.Snapshot(t.Context())
			if status.Running != 0 || w.runningNow() != 0 {
				t.Errorf("%s: %d slots taken", name, status.Running)
			}
			w.end(StopDrain)
		})
	}
}

func only(name string, do func() error) func(*common.RunnerConfig) error {
	return func(r *common.RunnerConfig) error {
		if r.Name == name {
			return do()
		}
		return nil
	}
}

func TestATaskThatCannotBeKeptOrStartedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 56)
		s := w.server("one.example")
		w.register(s, "a")
		full := errors.New("no space left on device")
		w.claimErr = errorFor(1, full)
		w.startErr = errorFor(2, full)
		w.run()
		s.submit("uuid-a", 3)
		time.Sleep(5 * time.Minute)
		for id, want := range map[int64]string{1: "could not keep this job on its disk: no space", 2: "could not start this job: no space"} {
			if row := w.rowOf(s, id); !contains(row, want) {
				t.Errorf("task %d: row %q", id, row)
			}
		}
		if w.startOf(s, 3).IsZero() {
			t.Error("the next task was not started")
		}
		w.end(StopDrain)
	})
}

// Else a machine that is out of processes fails all the jobs there are.
func TestARegistrationWhoseJobsDoNotStartIsPolledLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 58)
		w.config.Concurrent = 4
		w.duration = func(*runnerv1.Task) time.Duration { return time.Second }
		s := w.server("one.example")
		w.register(s, "a")
		var broken atomic.Bool
		broken.Store(true)
		w.startErr = func(*runnerv1.Task) error {
			if broken.Load() {
				return errors.New("resource temporarily unavailable")
			}
			return nil
		}
		w.run()
		s.submit("uuid-a", 1000)
		time.Sleep(5 * time.Minute)
		w.mu.Lock()
		failed := len(w.failed)
		w.mu.Unlock()
		broken.Store(false)
		if failed < 5 || failed > 30 {
			t.Errorf("%d jobs failed in 5 minutes", failed)
		}
		time.Sleep(3 * time.Minute)
		w.mu.Lock()
		started := len(w.started)
		w.mu.Unlock()
		if started < 200 {
			t.Errorf("%d jobs started in the 3 minutes after", started)
		}
		w.end(StopCancelJobs)
	})
}

func TestAPayloadThatIsNoWorkflowIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 57)
		s := w.server("one.example")
		w.register(s, "a")
		s.payload = "jobs: [unclosed"
		w.run()
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(time.Minute)
		if row := w.rowOf(s, id); !contains(row, "workflow, as the server sent it, cannot be read") {
			t.Errorf("row %q", row)
		}
		s.set(func() { s.payload = "" })
		next := s.submit("uuid-a", 1)[0]
		time.Sleep(time.Minute)
		if w.startOf(s, next).IsZero() {
			t.Error("the next task was not started")
		}
		w.end(StopDrain)
	})
}
