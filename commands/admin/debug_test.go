package admin

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"multirunner/commands/supervisor"
)

// answer asks a handler directly.
func answer(h http.Handler, path, host string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	h.ServeHTTP(w, r)
	return w
}

func TestJobsAreListedALineEach(t *testing.T) {
	w := newWorld(t)
	since := time.Now().Add(-90 * time.Second)
	job := supervisor.JobStatus{Runner: "a", URL: "https://git.example.org", TaskID: 42, State: supervisor.JobRunning, Stage: "step_2", Label: "linux:host", Executor: "shell", Since: since}
	odd := job
	odd.Runner, odd.TaskID, odd.Stage = "a name\nwith \"all\"", 43, "complete"
	waiting := supervisor.JobStatus{Runner: "b", URL: "https://git.example.org", TaskID: 44, State: supervisor.JobWaiting}
	w.set(func() { w.status.Jobs = []supervisor.JobStatus{job, odd, waiting} })
	res := answer(w.admin.handler(false, false), "/debug/jobs/list", "x")
	if got := res.Header().Get("X-List-Version"); got != "2" {
		t.Errorf("X-List-Version: %q", got)
	}
	if got := res.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type: %q", got)
	}
	lines := strings.Split(strings.TrimSuffix(res.Body.String(), "\n"), "\n")
	want := []string{
		`^url=https://git\.example\.org state=running stage=step_2 executor_stage=shell_run duration=1m3\d(\.\d+)?s task=42 runner=a label=linux:host$`,
		`^url=https://git\.example\.org state=running stage=complete executor_stage=shell_cleanup duration=\S+ task=43 runner="a name\\nwith \\"all\\"" label=linux:host$`,
		`^url=https://git\.example\.org state=waiting stage=waiting executor_stage=waiting duration=0s task=44 runner=b label=""$`,
	}
	if len(lines) != len(want) {
		t.Fatalf("got %q", lines)
	}
	for i, line := range lines {
		if !regexp.MustCompile(want[i]).MatchString(line) {
			t.Errorf("line %d is %q, want %s", i, line, want[i])
		}
	}
}

func TestRegistrationsAreJSON(t *testing.T) {
	w := newWorld(t)
	next := time.Now().Add(time.Minute).Truncate(time.Second)
	w.set(func() {
		w.status = supervisor.Status{
			Phase: "running", Concurrent: 4, Running: 1,
			Registrations: []supervisor.RegistrationStatus{
				{Name: "a", URL: "https://git.example.org", UUID: "u", Health: supervisor.HealthFailing, NextPoll: next, Backoff: 1500 * time.Millisecond,
					LastOutcome: "error: connection refused", Running: 1, Limit: 2, Declared: []string{"linux"},
					Missing: []supervisor.MissingLabel{{Label: "ubuntu:docker://x", Reason: "no engine"}}},
				{Name: "b", Polling: true},
			},
			Endpoints: []supervisor.EndpointStatus{{URL: "https://git.example.org", Manner: "prompt", RequestRate: math.Inf(1)}, {RequestRate: 20}},
		}
	})
	res := answer(w.admin.handler(false, false), "/debug/runners", "x")
	var got struct {
		Phase   string `json:"phase"`
		Runners []struct {
			Name, Health   string
			NextPoll       *time.Time       `json:"next_poll"`
			BackoffSeconds float64          `json:"backoff_seconds"`
			LastOutcome    string           `json:"last_outcome"`
			Missing        []map[string]any `json:"missing_labels"`
			Running, Limit int
			Polling        bool
		} `json:"runners"`
		Servers []map[string]any `json:"servers"`
	}
	if err := json.Unmarshal(res.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, res.Body)
	}
	a, b := got.Runners[0], got.Runners[1]
	if a.Name != "a" || a.Health != "failing" || a.NextPoll == nil || !a.NextPoll.Equal(next) || a.BackoffSeconds != 1.5 ||
		a.LastOutcome != "error: connection refused" || a.Running != 1 || a.Limit != 2 || a.Missing[0]["reason"] != "no engine" {
		t.Errorf("a: %+v", a)
	}
	if b.NextPoll != nil || !b.Polling {
		t.Errorf("b: %+v", b)
	}
	if got.Servers[0]["requests_per_second"] != nil || got.Servers[1]["requests_per_second"] != 20.0 {
		t.Errorf("servers: %v", got.Servers)
	}
	w.set(func() { w.err = supervisor.ErrNotRunning })
	if res := answer(w.admin.handler(false, false), "/debug/runners", "x"); res.Code != http.StatusServiceUnavailable {
		t.Errorf("without a supervisor: %d", res.Code)
	}
}

func TestTheProcessStateIsOneWord(t *testing.T) {
	w := newWorld(t)
	for phase, want := range map[supervisor.Phase]string{
		supervisor.Running: "running\n", supervisor.Draining: "draining\n", supervisor.DrainingForATime: "draining\n",
		supervisor.Cancelling: "cancelling\n", supervisor.Killing: "killing\n",
	} {
		w.set(func() { w.pulse.Phase = phase })
		if got := answer(w.admin.handler(false, false), "/debug/process/state", "x").Body.String(); got != want {
			t.Errorf("%s: %q", phase, got)
		}
	}
	w.set(func() { w.err = supervisor.ErrNotRunning })
	if got := answer(w.admin.handler(false, false), "/debug/process/state", "x").Body.String(); got != "stopped\n" {
		t.Errorf("at the end: %q", got)
	}
}

func TestProfilesAreForThisMachineUnlessAskedFor(t *testing.T) {
	w := newWorld(t)
	tests := []struct {
		name       string
		h          http.Handler
		host, path string
		want       int
	}{
		{"an address that others reach", w.admin.handler(false, false), "10.0.0.1:9252", "/debug/pprof/", 403},
		{"and below", w.admin.handler(false, false), "10.0.0.1:9252", "/debug/pprof/heap", 403},
		{"what is not a profile there", w.admin.handler(false, false), "10.0.0.1:9252", "/debug/runners", 200},
		{"loopback", w.admin.handler(true, true), "127.0.0.1:9252", "/debug/pprof/", 200},
		{"loopback, v6", w.admin.handler(true, true), "[::1]:9252", "/debug/pprof/cmdline", 200},
		{"loopback by name", w.admin.handler(true, true), "localhost", "/debug/pprof/", 200},
		{"loopback by a name of somebody else's", w.admin.handler(true, true), "evil.example:9252", "/debug/pprof/", 403},
		{"and what is going on", w.admin.handler(true, true), "evil.example:9252", "/debug/runners", 403},
		{"debug_address on any address", w.admin.debugHandler(false), "10.0.0.1:9253", "/debug/pprof/", 200},
		{"has the rest too", w.admin.debugHandler(false), "10.0.0.1:9253", "/debug/jobs/list", 200},
	}
	for _, test := range tests {
		if got := answer(test.h, test.path, test.host).Code; got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestAProfileMayTakeLongerThanOtherRequests(t *testing.T) {
	w := newWorld(t)
	w.admin.limits.readHeader, w.admin.limits.readWrite = 100*time.Millisecond, 800*time.Millisecond
	w.run(Addresses{Listen: "127.0.0.1:0"})
	began := time.Now()
	status, body := get(t, "http://"+w.serving(servingAll)+"/debug/pprof/profile?seconds=1")
	if took := time.Since(began); status != 200 || took < time.Second || len(body) == 0 {
		t.Errorf("%d after %s, %d bytes", status, took, len(body))
	}
}
