package supervisor

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/common"
)

func TestIdleRegistrationsCostLittleMemoryAndNoGoroutine(t *testing.T) {
	const n = 10_000
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 80)
		w.config.Concurrent = 4
		s := w.server("one.example")
		for i := range n {
			w.register(s, fmt.Sprint("r", i))
		}
		before := heap()
		w.run()
		time.Sleep(time.Second)
		perRegistration := float64(heap()-before) / n
		t.Logf("%.0f bytes per idle registration, %d goroutines", perRegistration, runtime.NumGoroutine())
		if perRegistration > 2048 {
			t.Errorf("%.0f bytes per idle registration", perRegistration)
		}
		if g := runtime.NumGoroutine(); g > 40 {
			t.Errorf("%d goroutines", g)
		}
		w.end(StopDrain)
	})
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// bench is a feeder without goroutines: polls are answered on the spot, with
// nothing.
type bench struct {
	f     *feeder
	now   time.Time
	polls int
}

func newBench(tb testing.TB, registrations, servers int) *bench {
	config := common.DefaultConfig()
	config.Concurrent = 16
	config.Polling.RequestsPerSecond = 0 // it goes by the real time
	for i := range registrations {
		r := common.DefaultRunner()
		r.Name, r.UUID = fmt.Sprint("r", i), fmt.Sprint("uuid-", i)
		r.URL = fmt.Sprintf("https://s%d.example", i%servers)
		r.Token = common.NewSecret("token")
		r.Labels = []string{"linux:host"}
		config.Runners = append(config.Runners, r)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	b := &bench{f: newFeeder(settingsOf(config), log, nil, func() float64 { return 0.5 }), now: time.Now()}
	b.f.providers = common.Providers{"shell": &fakeProvider{name: "shell", scheme: "host"}}
	b.f.spawn = func() {}
	b.f.send = func(feed) {}
	if sum := b.f.useConfig(config, b.now); sum.added != registrations {
		tb.Fatal(sum)
	}
	return b
}

// next goes to the next moment at which something happens.
func (b *bench) next() {
	b.f.step(b.now)
	if len(b.f.inFlight) == 0 {
		b.now = b.f.nextWake(b.now)
		return
	}
	g := b.f.inFlight[0]
	b.now = later(b.now, g.sent.Add(20*time.Millisecond))
	rep := report{grant: g, outcome: outcomeEmpty, version: 7, elapsed: 20 * time.Millisecond}
	if g.declare {
		rep.outcome = outcomeDeclared
	} else {
		b.polls++
	}
	rep.apply(b.f, b.now)
}

// BenchmarkIdlePoll is what one poll of an idle registration costs the feeder.
func BenchmarkIdlePoll(b *testing.B) {
	for _, c := range []struct{ registrations, servers int }{{1, 1}, {100, 1}, {10_000, 1}, {10_000, 1000}} {
		b.Run(fmt.Sprintf("registrations=%d/servers=%d", c.registrations, c.servers), func(b *testing.B) {
			w := newBench(b, c.registrations, c.servers)
			for w.polls < 3*c.registrations {
				w.next()
			}
			w.polls = 0
			start := w.now
			b.ReportAllocs()
			b.ResetTimer()
			for w.polls < b.N {
				w.next()
			}
			b.StopTimer()
			if simulated := w.now.Sub(start).Seconds(); simulated > 0 {
				b.ReportMetric(float64(b.Elapsed())/simulated/float64(time.Second)*100, "%cpu")
			}
		})
	}
}

// BenchmarkReload is what a reload costs that changes nothing.
func BenchmarkReload(b *testing.B) {
	w := newBench(b, 10_000, 10)
	config := common.DefaultConfig()
	for _, r := range w.f.registrations {
		again := *r.entry.runner
		config.Runners = append(config.Runners, &again)
	}
	for b.Loop() {
		if sum := w.f.useConfig(config, w.now); sum.same != 10_000 {
			b.Fatal(sum)
		}
	}
}
