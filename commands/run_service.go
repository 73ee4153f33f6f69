package commands

import (
	"context"
	"fmt"
	"sync"

	"multirunner/commands/notify"
	"multirunner/commands/supervisor"
	"multirunner/helpers/sdnotify"
)

// newReporter makes what tells the service manager how the runner is.
func (r *runVerb) newReporter(pulse func(context.Context) (supervisor.Pulse, error)) *notify.Reporter {
	manager, err := sdnotify.FromEnvironment(r.env.Getenv)
	if err != nil {
		r.log.Warn(err)
	}
	return notify.New(notify.Options{
		Manager: manager, Log: r.log,
		Probe: func(ctx context.Context) (string, error) {
			p, err := pulse(ctx)
			return pulseLine(p), err
		},
	})
}

// report tells the service manager how the runner is until ctx is done.
func (r *runVerb) report(ctx context.Context, stopping <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { r.reporter.Run(ctx) })
	select {
	case <-stopping:
	case <-ctx.Done():
		if r.left.Load() {
			return // the next program goes on with the same service
		}
	}
	r.reporter.Stopping("Stopping: jobs that run are waited for.")
}

// pulseLine is a Pulse for people.
func pulseLine(p supervisor.Pulse) string {
	registrations := 0
	for _, n := range p.Registrations {
		registrations += n
	}
	line := fmt.Sprintf("%s; %s", count(p.Running, "job"), count(registrations, "registration"))
	if n := p.Registrations[supervisor.HealthFailing] + p.Registrations[supervisor.HealthUnregistered] + p.Registrations[supervisor.HealthMisconfigured]; n > 0 {
		line += fmt.Sprintf(", %d in trouble", n)
	}
	if p.Paused > 0 {
		line += fmt.Sprintf(", %d paused", p.Paused)
	}
	if p.Phase != supervisor.Running {
		line = p.Phase.String() + ": " + line
	}
	return line
}
