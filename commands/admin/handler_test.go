package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"multirunner/commands/supervisor"
)

func TestReadyzSaysWhyNot(t *testing.T) {
	type health = map[supervisor.Health]int
	tests := []struct {
		name   string
		change func(w *world)
		want   []string // nil: ready
	}{
		{"all well", func(*world) {}, nil},
		{"one of many is well", func(w *world) {
			w.pulse.Registrations = health{supervisor.HealthWell: 1, supervisor.HealthFailing: 9}
		}, nil},
		{"draining", func(w *world) { w.pulse.Phase = supervisor.Draining }, []string{"the runner is stopping: draining"}},
		{"no registrations", func(w *world) { w.pulse.Registrations = nil }, []string{"there are no registrations in the configuration"}},
		{"none is well", func(w *world) {
			w.pulse.Registrations = health{supervisor.HealthNew: 1, supervisor.HealthUnregistered: 2, supervisor.HealthFailing: 0}
		}, []string{"no registration is healthy: 1 new, 2 unregistered"}},
		{"those that are well have no room", func(w *world) {
			w.pulse.Registrations = health{supervisor.HealthWell: 2, supervisor.HealthFailing: 1}
			w.pulse.NoRoom, w.pulse.NoRoomWell = map[string]int{"executor docker: no room: disk": 1, "a": 2}, 2
		}, []string{"registrations that are not polled: 2: a", "registrations that are not polled: 1: executor docker: no room: disk"}},
		{"trouble", func(w *world) { w.trouble = []string{"state directory: read-only file system", "reload failed"} },
			[]string{"state directory: read-only file system", "reload failed"}},
		{"no answer", func(w *world) { w.err = context.DeadlineExceeded }, []string{"the scheduler gives no answer"}},
		{"ended", func(w *world) { w.err = supervisor.ErrNotRunning }, []string{"the supervisor is not running"}},
		{"two reasons", func(w *world) { w.pulse.Phase = supervisor.Cancelling; w.pulse.Registrations = nil },
			[]string{"the runner is stopping: cancelling jobs", "there are no registrations in the configuration"}},
	}
	for _, test := range tests {
		w := newWorld(t)
		w.set(func() { test.change(w) })
		res := answer(w.admin.handler(false, false), "/readyz", "x")
		if test.want == nil {
			if res.Code != 200 || res.Body.String() != "ready\n" {
				t.Errorf("%s: %d %s", test.name, res.Code, res.Body)
			}
			continue
		}
		if got := strings.TrimSpace(res.Body.String()); res.Code != http.StatusServiceUnavailable || got != strings.Join(test.want, "\n") {
			t.Errorf("%s: %d %q", test.name, res.Code, got)
		}
	}
}

func TestReadyzTellsWhoHasNoRoomAlsoWhenItIsReady(t *testing.T) {
	w := newWorld(t)
	w.set(func() {
		w.pulse.Registrations = map[supervisor.Health]int{supervisor.HealthWell: 9}
		w.pulse.NoRoom, w.pulse.NoRoomWell = map[string]int{}, 7
		for _, reason := range "abcdefg" {
			w.pulse.NoRoom[string(reason)] = 1
		}
	})
	res := answer(w.admin.handler(false, false), "/readyz", "x")
	want := "ready\n" + "registrations that are not polled: 1: a\n"
	if got := res.Body.String(); res.Code != 200 || !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "and 2 more reasons\n") {
		t.Errorf("%d %q", res.Code, got)
	}
}

func TestHealthzIsAboutTheProgramOnly(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		err  error
		want int
	}{{nil, 200}, {supervisor.ErrNotRunning, 200}, {context.DeadlineExceeded, 503}} {
		w.set(func() { w.err = test.err; w.pulse.Registrations = nil; w.trouble = []string{"x"} })
		if got := answer(w.admin.handler(false, false), "/healthz", "x").Code; got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
	}
}

func TestTheSupervisorIsAskedOncePerSecondAndNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		c := newCache(func(context.Context) (int64, error) { return asked.Add(1), nil })
		for range 100 {
			for range 5 {
				go c.get()
			}
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if n := asked.Load(); n < 8 || n > 11 {
			t.Errorf("asked %d times in 10 s", n)
		}
		hangs := newCache(func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		began := time.Now()
		if _, err := hangs.get(); !errors.Is(err, errNoAnswer) || time.Since(began) != askPatience {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestThePageIsForPeopleAndEscapesWhatItShows(t *testing.T) {
	w := newWorld(t)
	evil := `<script>alert("x")</script>`
	w.set(func() {
		w.trouble = []string{evil}
		w.status = supervisor.Status{
			Phase: "running", Concurrent: 4,
			Registrations: []supervisor.RegistrationStatus{
				{Name: evil, URL: "https://git.example.org", Health: supervisor.HealthFailing, LastOutcome: "error: " + evil, NextPoll: time.Now().Add(time.Minute)},
				{Name: "b", Health: supervisor.HealthWell, Polling: true, LastPoll: time.Now()},
			},
			Endpoints: []supervisor.EndpointStatus{{URL: "https://git.example.org", Failing: true}},
			Jobs:      []supervisor.JobStatus{{Runner: evil, TaskID: 7, State: supervisor.JobRunning, Stage: "step_1", Since: time.Now()}},
		}
	})
	res := answer(w.admin.handler(false, false), "/", "x")
	body := res.Body.String()
	if res.Code != 200 || !strings.HasPrefix(res.Header().Get("Content-Type"), "text/html") || !strings.HasSuffix(body, "</html>\n") {
		t.Errorf("%d %v %s", res.Code, res.Header(), body)
	}
	if strings.Contains(body, "<script") || strings.Count(body, "&lt;script&gt;") != 4 {
		t.Errorf("not escaped:\n%s", body)
	}
	for _, part := range []string{"Version 1.2.3", "Not ready: ", "step_1", "failing", "in 1m0s", "polls"} {
		if !strings.Contains(body, part) {
			t.Errorf("%q is not in:\n%s", part, body)
		}
	}
	w.set(func() { w.err = supervisor.ErrNotRunning })
	if body := answer(w.admin.handler(false, false), "/", "x").Body.String(); !strings.Contains(body, "still being sent") {
		t.Errorf("at the end:\n%s", body)
	}
	w.set(func() { w.err = nil; w.status.Registrations = make([]supervisor.RegistrationStatus, pageRows+7) })
	if body := answer(w.admin.handler(false, false), "/", "x").Body.String(); !strings.Contains(body, "7 more: see /debug/runners") {
		t.Error("a page with too many registrations does not say how many are left out")
	}
}
