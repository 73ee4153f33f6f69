package notify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeManager notes what it is told, with the seconds since its first message.
type fakeManager struct {
	watchdog time.Duration
	disabled bool
	start    time.Time

	mu   sync.Mutex
	told []string
	err  error
}

func newManager(watchdog time.Duration) *fakeManager {
	return &fakeManager{watchdog: watchdog, start: time.Now()}
}

func (m *fakeManager) Enabled() bool                   { return !m.disabled }
func (m *fakeManager) WatchdogInterval() time.Duration { return m.watchdog }
func (m *fakeManager) Ready(status string) error       { return m.note("ready " + status) }
func (m *fakeManager) Reloading() error                { return m.note("reloading") }
func (m *fakeManager) Stopping(status string) error    { return m.note("stopping " + status) }
func (m *fakeManager) Status(status string) error      { return m.note("status " + status) }
func (m *fakeManager) Watchdog() error                 { return m.note("watchdog") }

func (m *fakeManager) note(message string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, time.Since(m.start).String()+" "+strings.TrimSpace(message))
	return m.err
}

// take gives what was told since the last call.
func (m *fakeManager) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	told := m.told
	m.told = nil
	return told
}

func (m *fakeManager) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, m.take()); diff != "" {
		t.Errorf("at %s (-want +got):\n%s", time.Since(m.start), diff)
	}
}

// scheduler is what the probe asks.
type scheduler struct {
	mu     sync.Mutex
	hung   bool
	err    error
	status string // "" is "well"
}

func (s *scheduler) set(hung bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hung, s.err = hung, err
}

func (s *scheduler) say(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *scheduler) probe(ctx context.Context) (string, error) {
	s.mu.Lock()
	hung, err, status := s.hung, s.err, cmp.Or(s.status, "well")
	s.mu.Unlock()
	if hung {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return status, err
}

// logBuffer is a buffer for several goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// bench is a reporter that runs until the test ends.
type bench struct {
	*Reporter
	manager   *fakeManager
	scheduler *scheduler
	log       *logBuffer
	stop      func() // ends Run and waits for it
}

func run(t *testing.T, manager *fakeManager, s *scheduler) *bench {
	t.Helper()
	b := &bench{manager: manager, scheduler: s, log: &logBuffer{}}
	log := logrus.New()
	log.SetOutput(b.log)
	b.Reporter = New(Options{Manager: manager, Probe: s.probe, Log: log})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { b.Run(ctx) })
	b.stop = func() { cancel(); done.Wait() }
	synctest.Wait()
	return b
}

func after(d time.Duration) {
	time.Sleep(d) // of the fake clock
	synctest.Wait()
}

func TestReadyComesWithTheFirstSignOfLifeAndTheWatchdogIsFedFromThenOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{})
		defer b.stop()
		b.manager.want(t, "0s ready well", "0s watchdog")
		after(15 * time.Second)
		b.manager.want(t, "5s watchdog", "10s watchdog", "15s watchdog")
	})
}

func TestASchedulerThatHangsIsNotFedForAndThatIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{})
		defer b.stop()
		b.manager.take()
		b.scheduler.set(true, nil)
		after(10 * time.Minute)
		b.manager.want(t)
		if n := strings.Count(b.log.String(), "The scheduler does not answer"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, b.log)
		}
		if !strings.Contains(b.log.String(), "no answer within 2.5s") {
			t.Errorf("no reason in %s", b.log)
		}

		b.scheduler.set(false, nil)
		after(5 * time.Second)
		b.manager.want(t, "10m5s watchdog")
		if !strings.Contains(b.log.String(), "The scheduler answers again.") {
			t.Errorf("no line about the recovery in:\n%s", b.log)
		}
	})
}

func TestARunnerWhoseSchedulerNeverTurnsIsNeverReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{hung: true})
		defer b.stop()
		after(30 * time.Second)
		if b.log.String() != "" {
			t.Errorf("logged while it starts: %s", b.log)
		}
		after(5*time.Minute - 30*time.Second)
		b.manager.want(t)
		if n := strings.Count(b.log.String(), "The scheduler does not answer"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, b.log)
		}
		b.scheduler.set(false, nil)
		after(5 * time.Second)
		b.manager.want(t, "5m5s ready well", "5m5s watchdog")
	})
}

func TestAnErrorOfTheSchedulerIsNoSignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(3*time.Second), &scheduler{})
		defer b.stop()
		b.manager.take()
		b.scheduler.set(false, errors.New("the supervisor is not running"))
		after(10 * time.Second)
		b.manager.want(t)
		if !strings.Contains(b.log.String(), "the supervisor is not running") {
			t.Errorf("no reason in %s", b.log)
		}
	})
}

func TestTheStatusIsRenewedWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(0), &scheduler{})
		defer b.stop()
		after(time.Minute)
		b.manager.want(t, "0s ready well")
		b.scheduler.say("busy")
		after(time.Minute)
		b.manager.want(t, "1m5s status busy")
	})
}

func TestASlowAnswerWithinThePatienceFeedsTheWatchdogInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := newManager(6 * time.Second)
		r := New(Options{Manager: manager, Probe: func(ctx context.Context) (string, error) {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(900 * time.Millisecond):
				return "slow", nil
			}
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r.Run(ctx)
		var last time.Duration
		for _, line := range manager.take() {
			when, what, _ := strings.Cut(line, " ")
			at, err := time.ParseDuration(when)
			if err != nil {
				t.Fatal(err)
			}
			if what == "watchdog" {
				if at-last > 6*time.Second/2 {
					t.Errorf("not fed between %s and %s", last, at)
				}
				last = at
			}
		}
		if last < 59*time.Minute {
			t.Errorf("fed until %s only", last)
		}
	})
}

func TestReloadsAreAnnouncedAndEndReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(0), &scheduler{})
		defer b.stop()
		b.manager.take()
		b.Reload(func() { b.manager.note("load") })
		b.manager.want(t, "0s reloading", "0s load", "0s ready")

		// Of two at once the first begins and the last ends.
		var both sync.WaitGroup
		both.Go(func() { b.Reload(func() { time.Sleep(2 * time.Second) }) })
		after(time.Second)
		both.Go(func() { b.Reload(func() { time.Sleep(2 * time.Second) }) })
		both.Wait()
		b.manager.want(t, "0s reloading", "3s ready")
	})
}

func TestAReloadThatPanicsStillEndsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(0), &scheduler{})
		defer b.stop()
		b.manager.take()
		func() {
			defer func() { recover() }()
			b.Reload(func() { panic("load") })
		}()
		b.manager.want(t, "0s reloading", "0s ready")
	})
}

func TestNothingSaysReadyBeforeTheStartOrAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{hung: true})
		defer b.stop()
		loads := 0
		b.Reload(func() { loads++ })
		b.manager.want(t)

		b.Stopping("draining")
		b.Stopping("ended")
		b.scheduler.set(false, nil)
		b.scheduler.say("draining: 2 jobs")
		b.Reload(func() { loads++ })
		after(10 * time.Second)
		b.manager.want(t, "0s stopping draining", "5s status draining: 2 jobs", "5s watchdog", "10s watchdog")
		if loads != 2 {
			t.Errorf("%d reloads were run", loads)
		}
	})
}

func TestAStopWhileReloadingIsTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(0), &scheduler{})
		defer b.stop()
		b.manager.take()
		b.Reload(func() { b.Stopping("draining") })
		b.manager.want(t, "0s reloading", "0s stopping draining")
	})
}

func TestASchedulerThatEndsWithTheStopIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{})
		b.Stopping("draining")
		b.scheduler.set(false, errors.New("the supervisor is not running"))
		after(time.Minute)
		b.stop()
		if b.log.String() != "" {
			t.Errorf("logged: %s", b.log)
		}
	})
}

func TestTheEndOfRunIsNoFailureOfTheScheduler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := run(t, newManager(time.Minute), &scheduler{})
		b.scheduler.set(true, nil)
		after(6 * time.Second) // amid a question
		b.stop()
		if b.log.String() != "" {
			t.Errorf("logged: %s", b.log)
		}
	})
}

func TestAManagerThatCannotBeToldIsLoggedOnceUntilItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := newManager(time.Minute)
		manager.err = errors.New("connection refused")
		b := run(t, manager, &scheduler{})
		defer b.stop()
		after(5 * time.Minute)
		if n := strings.Count(b.log.String(), "connection refused"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, b.log)
		}
		if told := manager.take(); !slices.Contains(told, "5m0s watchdog") {
			t.Errorf("it gave up: %q", told)
		}
	})
}

func TestWithNobodyToTellRunEndsAtOnce(t *testing.T) {
	manager := newManager(0)
	manager.disabled = true
	New(Options{Manager: manager, Probe: func(context.Context) (string, error) {
		t.Error("the scheduler is asked for nobody")
		return "", nil
	}}).Run(t.Context())
}
