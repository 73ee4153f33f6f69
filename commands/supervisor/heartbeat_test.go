package supervisor

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

func TestAnIdleHourIsOneHeartbeatInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 90)
		s := w.server("one.example")
		for _, name := range []string{"a", "b", "c"} {
			w.register(s, name)
		}
		w.run()
		time.Sleep(time.Minute)
		for hour := range 3 {
			w.hook.Reset()
			time.Sleep(time.Hour)
			var lines []string
			for _, e := range w.hook.AllEntries() {
				if e.Level > logrus.InfoLevel {
					continue
				}
				lines = append(lines, e.Message)
				if e.Data["registrations"] != 3 || e.Data["well"] != 3 {
					t.Errorf("fields: %v", e.Data)
				}
			}
			if len(lines) != 1 || !strings.Contains(lines[0], "No job for an hour") {
				t.Errorf("hour %d: %q", hour, lines)
			}
		}
		w.end(StopDrain)
	})
}

func TestAnHourWithAJobHasNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 91)
		s := w.server("one.example")
		w.register(s, "a")
		w.run()
		time.Sleep(50 * time.Minute)
		s.submit("uuid-a", 1)
		time.Sleep(71 * time.Minute) // the second beat is 69 minutes after the job's end
		if n := w.logged(logrus.InfoLevel, "No job for an hour"); n != 1 {
			t.Errorf("%d heartbeats in two hours with a job in the first", n)
		}
		w.end(StopDrain)
	})
}

func TestAPulseCountsRegistrationsByHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 92)
		w.config.Concurrent = 4
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		s.set(func() { s.runners["uuid-b"].gone = true })
		w.run()
		s.submit("uuid-a", 1)
		time.Sleep(30 * time.Second)
		p, err := w.supervisor.Pulse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.Phase != Running || p.Running != 1 || p.Registrations[HealthWell] != 1 || p.Registrations[HealthUnregistered] != 1 || p.LastJob.IsZero() {
			t.Errorf("%+v", p)
		}
		w.end(StopDrain)
	})
}

// countingGauge counts how often it is written.
type countingGauge struct {
	prometheus.Gauge
	writes int
}

func (g *countingGauge) Set(v float64) { g.writes++; g.Gauge.Set(v) }

func TestTheBackoffGaugeIsWrittenOnChangeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := newWorld(t, 93)
		w.metrics = NewMetrics(registry)
		gauge := &countingGauge{Gauge: w.metrics.retry}
		w.metrics.retry = gauge
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		w.run()
		time.Sleep(time.Hour)
		synctest.Wait()
		if gauge.writes != 0 {
			t.Errorf("%d writes without an error", gauge.writes)
		}
		s.set(func() { s.runners["uuid-b"].gone = true })
		time.Sleep(time.Minute)
		synctest.Wait()
		if gauge.writes != 1 {
			t.Errorf("%d writes after one error", gauge.writes)
		}
		w.end(StopDrain)
	})
}
