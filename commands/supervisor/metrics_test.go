package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multirunner/common"
	"multirunner/network"
)

// series gives the values of all series: name{labels} → value, or count.
func series(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			name := strings.TrimPrefix(family.GetName(), "gitea_runner_") + "{" + strings.Join(labels, ",") + "}"
			all[name] = value(family.GetType(), metric)
		}
	}
	return all
}

func value(kind dto.MetricType, metric *dto.Metric) float64 {
	switch kind {
	case dto.MetricType_COUNTER:
		return metric.GetCounter().GetValue()
	case dto.MetricType_HISTOGRAM:
		return float64(metric.GetHistogram().GetSampleCount())
	}
	return metric.GetGauge().GetValue()
}

func TestMetricsTellWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, 70)
		w.config.Concurrent = 4
		w.metrics = NewMetrics(registry)
		s := w.server("one.example")
		w.register(s, "a", limitTo(2))
		w.register(s, "b")
		w.run()
		got := series(t, registry)
		for _, name := range []string{
			"poll_fetch_total{result=task,runner=a}", "client_errors_total{method=FetchTask,runner=b}",
			"job_total{runner=a,status=cancelled}", "worker_feeds_total{runner=b}", "job_duration_seconds{runner=a}",
			"permit_wait_seconds{runner=a}", "job_running{runner=a}", "worker_processing_failures_total{reason=panic}",
			"claims_lost_suspected_total{}", "poll_backoff_seconds{}", "oldest_wait_seconds{}", "slots{state=idle}",
		} {
			if v, ok := got[name]; !ok || v != 0 && name != "slots{state=idle}" {
				t.Errorf("%s at the start: %v, %t; want a zero series", name, v, ok)
			}
		}
		s.submit("uuid-a", 1)
		time.Sleep(30 * time.Second)
		got = series(t, registry)
		for name, want := range map[string]float64{
			"poll_fetch_total{result=task,runner=a}": 1, "job_running{runner=a}": 1, "job_running{runner=b}": 0,
			"limit{runner=a}": 2, "slots{state=running}": 1, "slots{state=idle}": 3, "slots{state=polling}": 0, "concurrent{}": 4, "capacity{}": 4,
			"job_capacity_utilization_ratio{}": 0.25, "config_last_reload_successful{}": 1, "job_total{runner=a,status=success}": 0,
		} {
			if got[name] != want {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
		w.reload <- ReloadRequest{Err: errors.New("broken")}
		s.set(func() { s.runners["uuid-b"].gone = true })
		time.Sleep(2 * time.Minute)
		got = series(t, registry)
		for name, want := range map[string]float64{
			"job_total{runner=a,status=success}": 1, "job_running{runner=a}": 0, "job_duration_seconds{runner=a}": 1,
			"config_last_reload_successful{}": 0, "client_errors_total{method=FetchTask,runner=b}": 1, "poll_fetch_total{result=error,runner=b}": 1,
		} {
			if got[name] != want {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
		if v := got["poll_backoff_seconds{}"]; v < 240 {
			t.Errorf("poll_backoff_seconds = %v with an unregistered runner", v)
		}
		w.use(func(c *common.Config) { c.Runners = c.Runners[:1] })
		for name := range series(t, registry) {
			if strings.Contains(name, "runner=b") {
				t.Errorf("%s is left of a removed registration", name)
			}
		}
		w.end(StopDrain)
		w.metrics.Unregister()
		if left := series(t, registry); len(left) != 0 {
			t.Errorf("left after Unregister: %v", left)
		}
	})
}

func TestSeriesPerRegistrationFollowTheSetting(t *testing.T) {
	for _, c := range []struct {
		setting       common.Switch
		registrations int
		single        bool
	}{
		{common.SwitchAuto, 500, true}, {common.SwitchAuto, 501, false},
		{common.SwitchOn, 501, true}, {common.SwitchOff, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			w := newWorld(t, 71)
			w.config.Metrics.PerRunner = c.setting
			w.metrics = NewMetrics(registry)
			s := w.server("one.example")
			for i := range c.registrations {
				w.register(s, fmt.Sprint("r", i))
			}
			w.run()
			s.submit("uuid-r0", 1)
			time.Sleep(90 * time.Second)
			got := series(t, registry)
			name := map[bool]string{true: "r0", false: ""}[c.single]
			if v := got["poll_fetch_total{result=task,runner="+name+"}"]; v != 1 {
				t.Errorf("%s with %d: task polls of runner %q = %v", c.setting, c.registrations, name, v)
			}
			if v, ok := got["job_total{runner="+name+",status=cancelled}"]; !ok || v != 0 {
				t.Errorf("%s with %d: no zero series of cancelled jobs", c.setting, c.registrations)
			}
			if !c.single && len(got) > 60 {
				t.Errorf("%s with %d: %d series", c.setting, c.registrations, len(got))
			}
			w.end(StopDrain)
		})
	}
}

func TestHeldPollsAreNotObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, 72)
		w.metrics = NewMetrics(registry)
		s := w.server("one.example")
		s.hold = time.Minute
		w.register(s, "a")
		w.run()
		time.Sleep(5 * time.Minute)
		got := series(t, registry)
		if got["poll_fetch_total{result=empty,runner=a}"] < 20 || got["poll_fetch_duration_seconds{}"] != 0 {
			t.Errorf("%v empty polls, %v observed", got["poll_fetch_total{result=empty,runner=a}"], got["poll_fetch_duration_seconds{}"])
		}
		w.end(StopDrain)
	})
}

// Gitea ends a held poll by its own deadline: that is an empty answer, and no
// error, from a server that is known to hold.
func TestAHoldThatTheServerEndsIsAnEmptyPoll(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFeeder(settingsOf(common.DefaultConfig()), nil, NewMetrics(registry), nil)
	f.classify = classify
	e := &endpoint{manner: holding, answered: true}
	g := &grant{entry: &entry{runner: &common.RunnerConfig{Name: "a"}}, endpoint: e, hold: 15 * time.Second}
	expired := report{grant: g, outcome: outcomeRefused, method: "FetchTask", err: classError{network.ClassExpired}, elapsed: 15 * time.Second}
	f.countAnswer(expired)
	got := series(t, registry)
	if got["poll_fetch_total{result=empty,runner=}"] != 1 || got["client_errors_total{method=FetchTask,runner=}"] != 0 {
		t.Errorf("of a server that holds: %v", got)
	}
	e.manner = prompt
	f.countAnswer(expired)
	got = series(t, registry)
	if got["poll_fetch_total{result=error,runner=}"] != 1 || got["client_errors_total{method=FetchTask,runner=}"] != 1 {
		t.Errorf("of a server that does not: %v", got)
	}
	e.manner = holding
	f.countAnswer(report{grant: g, outcome: outcomeTask, elapsed: 12 * time.Second})
	if got = series(t, registry); got["poll_fetch_duration_seconds{}"] != 0 {
		t.Errorf("%v observed of polls that were held", got["poll_fetch_duration_seconds{}"])
	}
	f.countAnswer(report{grant: g, outcome: outcomeTask, elapsed: 30 * time.Millisecond})
	if got = series(t, registry); got["poll_fetch_duration_seconds{}"] != 1 {
		t.Error("a quick answer with a task is not observed")
	}
}

func TestSnapshotTellsOfEachRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 73)
		w.config.Concurrent = 2
		s := w.server("one.example")
		w.register(s, "b")
		w.register(s, "a", limitTo(1))
		w.run()
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(30 * time.Second)
		status, err := w.supervisor.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, b := status.Registrations[0], status.Registrations[1]
		if a.Name != "a" || a.Health != HealthWell || a.Running != 1 || a.Limit != 1 || a.LastOutcome != "task" || !a.Hot {
			t.Errorf("a: %+v", a)
		}
		if b.Health != HealthWell || b.LastOutcome != "empty" || !b.NextPoll.After(time.Now()) || b.Version != 1 {
			t.Errorf("b: %+v", b)
		}
		if len(status.Jobs) != 1 || status.Jobs[0].TaskID != id || status.Jobs[0].State != JobRunning || status.Jobs[0].Executor != "shell" || status.Jobs[0].Label != "linux:host" {
			t.Errorf("jobs: %+v", status.Jobs)
		}
		if status.Running != 1 || status.Phase != "running" || status.Endpoints[0].Manner != "prompt" {
			t.Errorf("status: %+v", status)
		}
		w.end(StopDrain)
		if _, err := w.supervisor.Snapshot(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestAHintMakesAPollDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 74)
		w.config.Concurrent = 2
		s := w.server("one.example")
		for i := range 180 {
			w.register(s, fmt.Sprint("r", i))
		}
		w.run()
		time.Sleep(5 * time.Minute)
		for _, uuid := range []string{"uuid-r3", ""} {
			id := s.submit("uuid-r3", 1)[0]
			hinted := time.Now()
			w.supervisor.Hint(t.Context(), common.RegistrationID{URL: s.url, UUID: uuid})
			time.Sleep(15 * time.Second)
			if start := w.startOf(s, id); start.IsZero() || start.Sub(hinted) > 10*time.Second {
				t.Errorf("hint %q: started after %s", uuid, start.Sub(hinted))
			}
		}
		w.end(StopDrain)
	})
}

func TestRunningJobsOfANameAreThoseOfAllWhoBearIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, 76)
		w.config.Concurrent = 4
		w.metrics = NewMetrics(registry)
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		w.run()
		s.submit("uuid-a", 1)
		time.Sleep(10 * time.Second)
		w.use(func(c *common.Config) { // registered anew under its name
			again := *c.Runners[1]
			again.Name = "a"
			c.Runners = []*common.RunnerConfig{&again}
		})
		want := func(when string, jobs float64) {
			t.Helper()
			if got := series(t, registry)["job_running{runner=a}"]; got != jobs {
				t.Errorf("%s: job_running = %v, want %v", when, got, jobs)
			}
		}
		want("the old one's job", 1)
		s.submit("uuid-b", 1)
		time.Sleep(40 * time.Second)
		want("one job each", 2)
		time.Sleep(17 * time.Second)
		want("the old one's has ended", 1)
		w.end(StopDrain)
	})
}
