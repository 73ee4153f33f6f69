// Package supervisor is the multi loop: it shares the build slots of one
// machine among many registrations of many servers, polls them in turn, and
// loses no task.
//
// The names are those of gitlab-runner's multi command: feedRunners decides
// who may poll and hands turns to workers over the runners channel;
// processRunners is a worker; acquireBuild reserves executors; requestJob
// polls; requeueRunner puts a registration with work in line again;
// updateWorkers and updateConfig follow the configuration.
//
// One goroutine, feedRunners, owns all state. Workers and the other actors
// send it events.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/network"
)

// Options are what a supervisor works with. Config, Dialer, Keys, Claims,
// Starter and Providers are needed; the rest may be left out.
type Options struct {
	// Config is validated, its tokens are resolved, and nobody changes it any
	// more.
	Config    *common.Config
	Providers common.Providers
	Dialer    Dialer
	Keys      KeyStore
	Claims    ClaimStore
	Starter   Starter

	// Version is what servers are told.
	Version string
	Log     logrus.FieldLogger
	// Metrics may be nil.
	Metrics *Metrics
	// Reload and Stop may be nil.
	Reload <-chan ReloadRequest
	Stop   <-chan StopRequest
	// Adopted are jobs of an earlier supervisor that still run.
	Adopted []Adopted
	// Paused are not polled, see SetPaused. Spent are ephemeral registrations
	// that have had their one task.
	Paused, Spent []common.RegistrationID
	// Rand gives numbers in [0, 1). It is called by one goroutine.
	Rand func() float64
	// Classify tells what an error of a Client means; nil is network.Classify.
	Classify func(error) network.Class
}

// Supervisor runs the loop. Make it with New; Run may be called once.
type Supervisor struct {
	options Options
	log     logrus.FieldLogger
	metrics *Metrics
	values  context.Context // Run's, values only
	faults  map[string]error

	events  chan event
	runners chan feed
	done    chan struct{} // closed when the feeder has ended

	config     atomic.Pointer[common.Config]
	phase      atomic.Int32
	cancelling chan struct{} // closed in that phase and later ones
	killing    chan struct{}
	leaves     chan chan error // asks of Leave
	leaving    chan struct{}   // closed when one was granted
	workers    sync.WaitGroup

	// observe, in tests, sees the feeder after each step.
	observe func(*feeder, time.Time)
}

// event is something that the feeder is told.
type event interface {
	apply(f *feeder, now time.Time)
}

// New makes a supervisor. Nothing runs yet.
func New(options Options) (*Supervisor, error) {
	for name, missing := range map[string]bool{
		"Config": options.Config == nil, "Dialer": options.Dialer == nil, "Keys": options.Keys == nil,
		"Claims": options.Claims == nil, "Starter": options.Starter == nil, "Providers": len(options.Providers) == 0,
	} {
		if missing {
			return nil, fmt.Errorf("supervisor: Options.%s is missing", name)
		}
	}
	if options.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		options.Log = silent
	}
	if options.Rand == nil {
		options.Rand = rand.Float64
	}
	s := &Supervisor{
		options:    options,
		log:        options.Log,
		metrics:    options.Metrics,
		events:     make(chan event, 16),
		runners:    make(chan feed),
		done:       make(chan struct{}),
		cancelling: make(chan struct{}),
		killing:    make(chan struct{}),
		leaves:     make(chan chan error),
		leaving:    make(chan struct{}),
	}
	s.config.Store(options.Config)
	return s, nil
}

// Phase tells how far the supervisor is.
func (s *Supervisor) Phase() Phase { return Phase(s.phase.Load()) }

// Run runs until the supervisor was told to stop and nothing is left: no poll
// in flight, no job. When ctx is done the jobs are cancelled, as by
// StopCancelJobs. The error is ErrKilled when job processes had to be killed;
// then polls may still be in flight, and end with the process. It is ErrLeft
// after Leave.
func (s *Supervisor) Run(ctx context.Context) error {
	s.values = context.WithoutCancel(ctx)
	s.faults = s.checkExecutors(ctx)
	s.metrics.reloaded(true, time.Now())

	actors := []actor{
		{"feeder", s.feedRunners},
		{"stop", func(inner context.Context) error { return s.watchStop(inner, ctx) }},
		{"config", s.updateConfig},
		{"executors", s.watchExecutors},
		{"heartbeat", s.heartbeat},
	}
	err := runActors(s.values, actors)
	if s.Phase() == Killing {
		return errors.Join(ErrKilled, err)
	}
	s.workers.Wait()
	if s.left() {
		return errors.Join(ErrLeft, err)
	}
	return err
}

// actor is one of the loops. It ends when its context is done.
type actor struct {
	name string
	run  func(context.Context) error
}

// runActors runs all actors until the first one returns, which brings down the
// rest.
func runActors(ctx context.Context, actors []actor) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(actors))
	for _, a := range actors {
		go func() {
			err := a.run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", a.name, err)
			}
			results <- err
		}()
	}
	var all error
	for range actors {
		all = errors.Join(all, <-results)
		cancel()
	}
	return all
}

// feedRunners is the feeder's loop. It ends when the supervisor has been told
// to stop and nothing is left.
func (s *Supervisor) feedRunners(context.Context) error {
	defer close(s.runners)
	defer close(s.done)
	f := s.newFeeder()
	timer := time.NewTimer(0)
	defer timer.Stop()

	s.shielded(s.log, func() { s.begin(f, time.Now()) })
	for {
		now := time.Now()
		s.shielded(s.log, func() { f.step(now) })
		if s.observe != nil {
			s.observe(f, now)
		}
		if f.finished(now) {
			return nil
		}
		if wake := f.nextWake(now); wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(wake.Sub(now))
		}
		select {
		case ev := <-s.events:
			s.shielded(s.log, func() { ev.apply(f, time.Now()) })
		case <-timer.C:
		}
	}
}

func (s *Supervisor) newFeeder() *feeder {
	f := newFeeder(settingsOf(s.options.Config), s.log, s.metrics, s.options.Rand)
	f.providers, f.faults = s.options.Providers, s.faults
	f.paused, f.spent = idSet(s.options.Paused), idSet(s.options.Spent)
	if s.options.Classify != nil {
		f.classify = s.options.Classify
	}
	f.send = func(work feed) { s.runners <- work }
	f.spawn = func() { s.workers.Go(s.processRunners) }
	return f
}

// begin takes the first configuration and the jobs that run already.
func (s *Supervisor) begin(f *feeder, now time.Time) {
	sum := f.useConfig(s.options.Config, now)
	s.log.Infof("Serving %d registrations with %d slots.", sum.added, f.slots.concurrent)
	for _, a := range s.options.Adopted {
		j := &job{entry: newEntry(a.Runner, f.providers, f.faults), task: &runnerv1.Task{Id: a.TaskID}, build: a.Build}
		r := f.registrations[j.entry.id]
		if r == nil {
			r = f.add(j.entry)
			f.acceptJob(j, r)
			f.remove(r, now)
			continue
		}
		f.acceptJob(j, r)
		f.settle(r, now)
	}
}

// post tells the feeder something; nobody hears it when the feeder has ended.
func (s *Supervisor) post(ev event) {
	select {
	case s.events <- ev:
	case <-s.done:
	}
}
