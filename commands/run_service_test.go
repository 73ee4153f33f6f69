package commands

import (
	"testing"
	"time"

	"multirunner/commands/service"
	"multirunner/commands/supervisor"
)

func TestPulseLine(t *testing.T) {
	for _, tt := range []struct {
		pulse supervisor.Pulse
		want  string
	}{
		{supervisor.Pulse{}, "0 jobs; 0 registrations"},
		{supervisor.Pulse{Running: 1, Registrations: map[supervisor.Health]int{supervisor.HealthWell: 3}}, "1 job; 3 registrations"},
		{supervisor.Pulse{Paused: 2, Registrations: map[supervisor.Health]int{supervisor.HealthWell: 3}}, "0 jobs; 3 registrations, 2 paused"},
		{supervisor.Pulse{Running: 2, Phase: supervisor.Draining, Registrations: map[supervisor.Health]int{
			supervisor.HealthWell: 1, supervisor.HealthFailing: 1, supervisor.HealthUnregistered: 1, supervisor.HealthNew: 1,
		}}, "draining: 2 jobs; 4 registrations, 2 in trouble"},
	} {
		if got := pulseLine(tt.pulse); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestRequestsOfTheServiceManager(t *testing.T) {
	requests := make(chan service.Request)
	s := newSignals(requests, nil, nil)
	defer s.close()
	within := func(what string, got <-chan struct{}) {
		t.Helper()
		select {
		case <-got:
		case <-time.After(5 * time.Second):
			t.Fatalf("no %s", what)
		}
	}
	requests <- service.ReloadRequest
	within("reload", s.reload)
	select {
	case <-s.stopping:
		t.Error("a reload is taken for a stop")
	default:
	}
	requests <- service.StopRequest
	within("stop", s.stopping)
	requests <- service.ShutdownRequest
	if first, second := <-s.stop, <-s.stop; first != supervisor.StopTerminate || second != supervisor.StopCancelJobs {
		t.Errorf("got %v, %v", first, second)
	}
}
