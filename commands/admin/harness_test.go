package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"multirunner/commands/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an Admin over a supervisor that says what a test wants.
type world struct {
	t     *testing.T
	admin *Admin
	hook  *logtest.Hook
	stop  func()

	mu      sync.Mutex
	pulse   supervisor.Pulse
	status  supervisor.Status
	err     error
	trouble []string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, pulse: supervisor.Pulse{Registrations: map[supervisor.Health]int{supervisor.HealthWell: 1}}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "gitea_runner_test", Help: "A test."}))
	var log *logrus.Logger
	log, w.hook = logtest.NewNullLogger()
	w.admin = New(Options{
		Gatherer: registry,
		Status: func(context.Context) (supervisor.Status, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.status, w.err
		},
		Pulse: func(context.Context) (supervisor.Pulse, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.pulse, w.err
		},
		Trouble: func() []string {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.trouble
		},
		Version: "1.2.3", Started: time.Now(), Log: log,
	})
	w.admin.retry = 20 * time.Millisecond
	return w
}

// set changes what the supervisor says, past what is remembered of it.
func (w *world) set(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	w.admin.status, w.admin.pulse = newCache(w.admin.options.Status), newCache(w.admin.options.Pulse)
}

// run serves until the test or stop ends it, and gives the base URLs of what
// listens.
func (w *world) run(addresses Addresses) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	w.admin.Use(addresses)
	go func() { defer close(ended); w.admin.Run(ctx) }()
	w.stop = sync.OnceFunc(func() { cancel(); <-ended })
	w.t.Cleanup(w.stop)
}

// serving waits for a line of the log that tells where something is served.
func (w *world) serving(what string, not ...string) string {
	w.t.Helper()
	var at string
	w.eventually(what+" is served", func() bool {
		for _, e := range w.hook.AllEntries() {
			if strings.Contains(e.Message, what) {
				at = e.Data["address"].(string)
			}
		}
		for _, old := range not {
			if at == old {
				return false
			}
		}
		return at != ""
	})
	return at
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("not in time: %s; log: %s", what, w.logText())
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (w *world) logText() string {
	var text strings.Builder
	for _, e := range w.hook.AllEntries() {
		text.WriteString(e.Level.String() + " " + e.Message + "\n")
	}
	return text.String()
}

// ask asks once, over a connection of its own.
func ask(t *testing.T, method, url string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(req)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, body := ask(t, http.MethodGet, url)
	return res.StatusCode, body
}

func taken(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
