package supervisor

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"
)

// heartbeatEvery is how often a supervisor without work says that it lives.
const heartbeatEvery = time.Hour

// Pulse is a short account of a supervisor: cheaper than a Status, and one for
// any number of registrations.
type Pulse struct {
	Phase         Phase
	Running       int            // jobs, waiting ones included
	Registrations map[Health]int // in the configuration, by health
	Paused        int            // of these
	// NoRoom counts those that are not polled because an executor has no room,
	// by the reason; NoRoomWell those of them that are well otherwise.
	NoRoom     map[string]int
	NoRoomWell int
	LastJob    time.Time // when one came or ended; zero: none since the start
}

// Pulse asks the loop for a sign of life: no answer before ctx is done means
// that it does not turn. The error is ErrNotRunning before Run and after it.
func (s *Supervisor) Pulse(ctx context.Context) (Pulse, error) {
	ask := pulse(make(chan Pulse, 1))
	select {
	case s.events <- ask:
	case <-s.done:
		return Pulse{}, ErrNotRunning
	case <-ctx.Done():
		return Pulse{}, ctx.Err()
	}
	select {
	case p := <-ask:
		return p, nil
	case <-s.done:
		return Pulse{}, ErrNotRunning
	case <-ctx.Done():
		return Pulse{}, ctx.Err()
	}
}

type pulse chan Pulse

func (ev pulse) apply(f *feeder, _ time.Time) {
	p := Pulse{Phase: f.phase, Running: len(f.building) + len(f.pending), LastJob: f.lastEnd, Registrations: map[Health]int{}, NoRoom: map[string]int{}}
	for _, r := range f.registrations {
		p.LastJob = later(p.LastJob, r.lastJob)
		if !r.removed {
			p.Registrations[r.health]++
			if r.paused {
				p.Paused++
			}
			if r.noRoom != "" {
				p.NoRoom[r.noRoom]++
				if r.health == HealthWell {
					p.NoRoomWell++
				}
			}
		}
	}
	ev <- p
}

// heartbeat is the actor that says, once per hour without a job, that the
// runner lives: otherwise the log of an idle runner would be silent.
func (s *Supervisor) heartbeat(ctx context.Context) error {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		p, err := s.Pulse(ctx)
		if err != nil || p.Phase != Running || p.Running > 0 || time.Since(p.LastJob) < heartbeatEvery {
			continue
		}
		registrations := 0
		for _, n := range p.Registrations {
			registrations += n
		}
		s.log.WithFields(logrus.Fields{"registrations": registrations, "well": p.Registrations[HealthWell]}).Info("No job for an hour; waiting for work.")
	}
}
