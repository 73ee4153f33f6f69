package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"multirunner/commands/supervisor"
	"multirunner/network/sender"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// values gives the gauges of a registry: name{value of the label} → value.
func values(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			label := ""
			for _, l := range metric.GetLabel() {
				label += l.GetValue()
			}
			all[strings.TrimPrefix(family.GetName(), "gitea_runner_")+"{"+label+"}"] = metric.GetGauge().GetValue()
		}
	}
	return all
}

// background runs sources until the test ends.
func background(t *testing.T, panicked func(), sources ...Source) (*prometheus.Registry, *logtest.Hook) {
	registry := prometheus.NewRegistry()
	log, hook := logtest.NewNullLogger()
	b := NewBackground(registry, log, panicked, sources...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return registry, hook
}

func TestASlowCollectorDoesNotSlowAScrape(t *testing.T) {
	family := newFamily("slow", "", "Takes its time.")
	entered, release := make(chan int, 8), make(chan struct{})
	calls := 0
	registry, _ := background(t, nil, Source{Name: "slow", Every: time.Millisecond, Families: []*Family{family},
		Collect: func(context.Context) ([]Gauge, error) {
			calls++
			entered <- calls
			if calls > 1 {
				<-release
			}
			return []Gauge{{Family: family, Value: float64(calls)}}, nil
		}})
	t.Cleanup(func() { close(release) })
	for call := range entered { // it hangs in the second one
		if call == 2 {
			break
		}
	}
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	client := server.Client()
	client.Timeout = 2 * time.Second
	for range 3 {
		began := time.Now()
		res, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "gitea_runner_slow 1") {
			t.Errorf("status %d, %v: %s", res.StatusCode, err, body)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("a scrape took %s", took)
		}
	}
}

func TestEachSourceIsAskedAtItsOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		family := newFamily("quick", "", "Quick.")
		var quick, hanging, costly atomic.Int64
		registry, _ := background(t, nil,
			Source{Name: "quick", Every: time.Second, Families: []*Family{family}, Collect: func(context.Context) ([]Gauge, error) {
				return []Gauge{{Family: family, Value: float64(quick.Add(1))}}, nil
			}},
			Source{Name: "hangs", Every: time.Second, Collect: func(ctx context.Context) ([]Gauge, error) {
				hanging.Add(1)
				<-ctx.Done()
				return nil, ctx.Err()
			}},
			Source{Name: "costly", Every: time.Second, Collect: func(context.Context) ([]Gauge, error) {
				costly.Add(1)
				time.Sleep(10 * time.Second)
				return nil, nil
			}})
		time.Sleep(10*time.Minute + time.Second/2)
		got := values(t, registry)
		if got["quick{}"] != 601 || hanging.Load() != 1 {
			t.Errorf("quick was asked %v times, the hanging one %d times", got["quick{}"], hanging.Load())
		}
		if n := costly.Load(); n > 3 {
			t.Errorf("one that takes 10 s was asked %d times in ten minutes", n)
		}
		if age := float64(time.Now().Unix()) - got["metrics_last_updated{quick}"]; age > 1 {
			t.Errorf("last updated %v s ago", age)
		}
		if got["metrics_last_updated{hangs}"] != 0 {
			t.Error("the hanging one counts as updated")
		}
	})
}

func TestBeforeTheFirstLookThereIsNoValue(t *testing.T) {
	registry := prometheus.NewRegistry()
	log, _ := logtest.NewNullLogger()
	NewBackground(registry, log, nil, Source{Name: "s", Families: []*Family{newFamily("value", "", "A value.")}})
	got := values(t, registry)
	if updated, there := got["metrics_last_updated{s}"]; !there || updated != 0 || len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestAfterAnErrorOrAPanicTheLastValuesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		family := newFamily("value", "", "A value.")
		calls := 0
		var panics atomic.Int64
		registry, hook := background(t, func() { panics.Add(1) }, Source{Name: "s", Every: time.Minute, Families: []*Family{family},
			Collect: func(context.Context) ([]Gauge, error) {
				switch calls++; calls {
				case 1:
					return []Gauge{{Family: family, Value: 7}}, nil
				case 2:
					return nil, errors.New("disk on fire")
				}
				panic("boom")
			}})
		synctest.Wait()
		first := values(t, registry)
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		got := values(t, registry)
		if got["value{}"] != 7 || got["metrics_last_updated{s}"] != first["metrics_last_updated{s}"] {
			t.Errorf("first %v, now %v", first, got)
		}
		if panics.Load() != 1 || len(hook.AllEntries()) != 2 || hook.AllEntries()[0].Data["collector"] != "s" {
			t.Errorf("%d panics, log %v", panics.Load(), hook.AllEntries())
		}
	})
}

func TestReportsAndRegistrationsAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		registry, _ := background(t, nil,
			ReportSource(func() sender.Stats { return sender.Stats{Rows: 3, Bytes: 400, Behind: 1500 * time.Millisecond} }),
			RegistrationSource(func(context.Context) (supervisor.Pulse, error) {
				if ended.Load() {
					return supervisor.Pulse{}, supervisor.ErrNotRunning
				}
				return supervisor.Pulse{Registrations: map[supervisor.Health]int{supervisor.HealthWell: 5}}, nil
			}))
		synctest.Wait()
		got := values(t, registry)
		for name, want := range map[string]float64{
			"report_log_buffer_rows{}": 3, "spool_bytes{}": 400, "report_behind_seconds{}": 1.5,
			"registrations{well}": 5, "registrations{unregistered}": 0,
		} {
			if v, ok := got[name]; !ok || v != want {
				t.Errorf("%s = %v, %t; want %v", name, v, ok, want)
			}
		}
		ended.Store(true)
		time.Sleep(registrationsEvery)
		synctest.Wait()
		if v := values(t, registry)["registrations{well}"]; v != 0 {
			t.Errorf("%v registrations after the end", v)
		}
	})
}

func TestDiskUseIsWhatFilesTake(t *testing.T) {
	dir := t.TempDir()
	for path, size := range map[string]int{"builds/a/work/file": 100_000, "builds/b/x": 1, "jobs/j/spool": 50_000} {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, make([]byte, size), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	// A link that leads out, or in a circle, is not followed.
	if err := os.Symlink(dir, filepath.Join(dir, "builds/a/up")); err != nil {
		t.Skip(err)
	}
	gauges, err := DiskSource(dir).Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, g := range gauges {
		got[g.Label] = g.Value
	}
	if got["builds"] < 100_000 || got["builds"] > 200_000 || got["jobs"] < 50_000 || got["actions"] != 0 || len(got) != len(directories) {
		t.Errorf("got %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DiskSource(dir).Collect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a look that is called off: %v", err)
	}
}

func TestTroubleOfTheStateDirectoryIsKnownWithoutTouchingIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := NewStateDir(dir)
	source := d.Source()
	gauges, err := source.Collect(t.Context())
	if err != nil || len(gauges) != 2 || gauges[0].Value <= 0 || gauges[1].Value != 1 || d.Trouble() != nil {
		t.Errorf("a sound one: %v, %v, trouble %v", gauges, err, d.Trouble())
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Collect(t.Context()); err == nil {
		t.Error("one that is gone has free space")
	}
	if err := d.Trouble(); err == nil || !strings.Contains(err.Error(), "state directory") {
		t.Errorf("trouble of one that is gone: %v", err)
	}
}

func TestAStateDirectoryThatGivesNoAnswerIsTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewStateDir(t.TempDir())
		time.Sleep(stateSilence)
		if err := d.Trouble(); err != nil {
			t.Errorf("too early: %v", err)
		}
		time.Sleep(time.Second)
		if err := d.Trouble(); err == nil || !strings.Contains(err.Error(), "no answer for") {
			t.Errorf("got %v", err)
		}
	})
}
