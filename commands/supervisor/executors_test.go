package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// twoExecutors is a world with shell and docker.
func twoExecutors(t *testing.T, labels ...string) (w *world, s *fakeServer, shell, docker *fakeProvider, options func(*Options)) {
	w = newWorld(t, 60)
	w.config.Concurrent = 3
	s = w.server("one.example")
	w.register(s, "a", func(r *common.RunnerConfig) { r.Labels = labels })
	shell = &fakeProvider{name: "shell", scheme: "host"}
	docker = &fakeProvider{name: "docker", scheme: "docker"}
	options = func(o *Options) { o.Providers = common.Providers{"shell": shell, "docker": docker} }
	return w, s, shell, docker, options
}

func TestExecutorsAreAcquiredBeforeAPollAndReleasedWhenNotNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, shell, docker, options := twoExecutors(t, "linux:host", "box:docker://img")
		s.latency = func() time.Duration { return time.Second }
		w.run(options)
		for s.openNow() == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if shell.holding() != 1 || docker.holding() != 1 {
			t.Errorf("during a poll shell is held %d times, docker %d", shell.holding(), docker.holding())
		}
		time.Sleep(10 * time.Second)
		s.set(func() { s.payload = "jobs: {j: {runs-on: [nothing, box]}}"; s.hold = time.Hour })
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(20 * time.Second)
		polling := s.openNow()
		if shell.holding() != polling || docker.holding() != 1+polling {
			t.Errorf("during the job and %d polls shell is held %d times, docker %d", polling, shell.holding(), docker.holding())
		}
		want := Choice{Label: common.Label{Name: "box", Scheme: "docker", Arg: "img"}, Executor: "docker"}
		if diff := cmp.Diff(want, w.choices[taskKey(s.url, id)]); diff != "" {
			t.Error(diff)
		}
		s.set(func() { s.hold = 0 })
		w.end(StopDrain)
		if shell.holding() != 0 || docker.holding() != 0 {
			t.Errorf("at the end shell is held %d times, docker %d", shell.holding(), docker.holding())
		}
	})
}

func TestARefusedExecutorMeansNoPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, shell, docker, options := twoExecutors(t, "linux:host", "box:docker://img")
		docker.set(nil, &common.NoRoomError{Reason: "disk"})
		w.run(options)
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Minute)
		if n := len(s.polls("uuid-a")); n != 0 {
			t.Errorf("%d polls without room", n)
		}
		if n := w.logged(logrus.WarnLevel, "until the executor has room"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		const why = "executor docker: no room: disk"
		if got := w.status().Registrations[0].NoRoom; got != why {
			t.Errorf("the status says %q, want %q", got, why)
		}
		if p := w.pulse(); p.NoRoom[why] != 1 || p.NoRoomWell != 1 {
			t.Errorf("the pulse has %v, %d of them well", p.NoRoom, p.NoRoomWell)
		}
		docker.set(nil, nil)
		freed := time.Now()
		time.Sleep(10 * time.Second)
		if start := w.startOf(s, id); start.IsZero() || start.Sub(freed) > 5*time.Second {
			t.Errorf("started %s after there was room", start.Sub(freed))
		}
		if p, status := w.pulse(), w.status(); len(p.NoRoom) != 0 || status.Registrations[0].NoRoom != "" {
			t.Errorf("with room the pulse has %v, the status %q", p.NoRoom, status.Registrations[0].NoRoom)
		}
		w.end(StopDrain)
		if shell.holding() != 0 || docker.holding() != 0 {
			t.Errorf("at the end shell is held %d times, docker %d", shell.holding(), docker.holding())
		}
	})
}

func TestNothingIsPolledForWithoutRoomInTheStateDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 7)
		s := w.server("one.example")
		w.register(s, "a")
		w.register(s, "b")
		w.keyErr = &common.NoRoomError{Reason: "disk"}
		w.run()
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(10 * time.Minute)
		if n := len(s.polls("uuid-a")) + len(s.polls("uuid-b")); n != 0 {
			t.Errorf("%d polls without room", n)
		}
		if n := w.logged(logrus.WarnLevel, "has room again"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		if p := w.pulse(); p.NoRoom["no room: disk"] != 2 {
			t.Errorf("the pulse has %v", p.NoRoom)
		}
		w.mu.Lock()
		w.keyErr = nil
		w.mu.Unlock()
		freed := time.Now()
		time.Sleep(10 * time.Second)
		if start := w.startOf(s, id); start.IsZero() || start.Sub(freed) > 5*time.Second {
			t.Errorf("started %s after there was room", start.Sub(freed))
		}
		w.end(StopDrain)
	})
}

func TestLabelsWithoutAnExecutorAreDeclaredWhenItComesAndNotWhenItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, _, docker, options := twoExecutors(t, "linux:host", "box:docker://img")
		docker.set(errors.New("no engine"), nil)
		w.run(options)
		time.Sleep(30 * time.Second)
		docker.set(nil, nil)
		time.Sleep(2 * time.Minute)
		docker.set(errors.New("no engine"), errors.New("no engine"))
		time.Sleep(2 * time.Minute)
		if got, want := fmt.Sprint(s.runner("uuid-a").declared), "[[linux] [linux box] [linux]]"; got != want {
			t.Errorf("declared %s, want %s", got, want)
		}
		id := s.submit("uuid-a", 1)[0]
		time.Sleep(30 * time.Second)
		if w.startOf(s, id).IsZero() {
			t.Error("a job for the executor that works was not started")
		}
		w.end(StopDrain)
	})
}

// status asks the supervisor of the world.
func (w *world) status() Status {
	w.t.Helper()
	status, err := w.supervisor.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return status
}

func (w *world) pulse() Pulse {
	w.t.Helper()
	p, err := w.supervisor.Pulse(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// locatedProvider works where it is not said to be missing.
type locatedProvider struct {
	*fakeProvider
	missing map[string]error // by place
}

func (p *locatedProvider) Place(r *common.RunnerConfig) string { return r.Docker.Host }

func (p *locatedProvider) AvailableAt(_ context.Context, place string) error { return p.missing[place] }

func TestAnExecutorMayBeMissingInOnePlaceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 61)
		s := w.server("one.example")
		for name, host := range map[string]string{"here": "", "there": "tcp://there"} {
			w.register(s, name, func(r *common.RunnerConfig) { r.Labels = []string{"box:docker://img"}; r.Docker.Host = host })
		}
		located := &locatedProvider{&fakeProvider{name: "docker", scheme: "docker"}, map[string]error{"tcp://there": errors.New("no engine")}}
		w.run(func(o *Options) { o.Providers = common.Providers{"docker": located} })
		time.Sleep(time.Minute)
		for _, r := range w.status().Registrations {
			if missing := r.Name == "there"; missing != (len(r.Missing) == 1) || missing != (r.Health == HealthMisconfigured) {
				t.Errorf("%s: missing %v, health %s", r.Name, r.Missing, r.Health)
			}
		}
		w.end(StopDrain)
	})
}

func TestTheFirstConfiguredLabelInRunsOnDecides(t *testing.T) {
	providers := common.Providers{
		"shell":  &fakeProvider{name: "shell", scheme: "host"},
		"docker": &fakeProvider{name: "docker", scheme: "docker"},
	}
	runner := &common.RunnerConfig{Executor: "docker", Labels: []string{"bare", "linux:host", "box:docker://img", "linux:docker://other"}}
	plan := planLabels(runner, providers, nil)
	if diff := cmp.Diff([]string{"bare", "linux", "box"}, plan.declared); diff != "" {
		t.Errorf("declared: %s", diff)
	}
	for _, c := range []struct{ payload, label, executor string }{
		{"jobs: {j: {runs-on: linux}}", "linux:host", "shell"},
		{"jobs: {j: {runs-on: [self-hosted, box, linux]}}", "box:docker://img", "docker"},
		{"jobs: {j: {runs-on: bare}}", "bare", "docker"},
		{"jobs: {j: {runs-on: {group: g, labels: [linux]}}}", "linux:host", "shell"},
		{"jobs: {j: {runs-on: {labels: box}}}", "box:docker://img", "docker"},
		{"jobs: {j: {runs-on: nobody}}", "", "docker"},
		{"jobs: {j: {steps: []}}", "", "docker"},
		{"x: &a [linux]\njobs: {j: {runs-on: *a}}", "linux:host", "shell"},
	} {
		names, err := runsOn(&runnerv1.Task{WorkflowPayload: []byte(c.payload)})
		if err != nil {
			t.Errorf("%s: %v", c.payload, err)
			continue
		}
		choice := plan.choose(names)
		if choice.Label.String() != c.label || choice.Executor != c.executor {
			t.Errorf("%s: label %q, executor %s; want %q, %s", c.payload, choice.Label, choice.Executor, c.label, c.executor)
		}
	}
}

func TestPayloadsThatAreNoJobAreRefused(t *testing.T) {
	for _, payload := range []string{"", "- a", "jobs: {}", "jobs: {a: {}, b: {}}", "jobs: [", "jobs: {a: [1]}"} {
		if names, err := runsOn(&runnerv1.Task{WorkflowPayload: []byte(payload)}); err == nil {
			t.Errorf("%q: %v, want an error", payload, names)
		}
	}
}

func FuzzRunsOn(f *testing.F) {
	for _, seed := range []string{plainPayload, "jobs: {j: {runs-on: [a, b]}}", "jobs: {j: &a {runs-on: {labels: *a}}}", "jobs: {j: {runs-on: &a {labels: *a}}}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		names, err := runsOn(&runnerv1.Task{WorkflowPayload: payload})
		if err != nil && names != nil {
			t.Errorf("names %v beside error %v", names, err)
		}
	})
}
