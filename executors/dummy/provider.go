// Package dummy is an executor for tests: nothing runs, a Script says what
// would have happened. What it is not told about it makes up: it understands a
// few words of the shell's language (see Call.Interpret), so that workflows
// with small scripts run over it as they are, in memory and, under
// testing/synctest, in no time.
package dummy

import (
	"context"
	"slices"
	"sync"

	"multirunner/common"
)

// Provider implements common.ExecutorProvider.
type Provider struct {
	script Script

	mu        sync.Mutex
	events    []Event
	executors []*Executor
	reserved  int
	uses      []int // of each of the script's commands
}

// Event is one call that a provider or one of its executors got.
type Event struct {
	Method string // "Acquire", "Release", "Create", "Prepare", "Run", …
	Job    string // the job's tracking id; for Acquire and Release the registration's name
	// Command is a copy of what Run got, without its writers.
	Command *common.Command
	Err     error
}

// NewProvider gives a provider whose executors follow a script.
func NewProvider(script Script) *Provider {
	if script.Name == "" {
		script.Name = "dummy"
	}
	if script.Schemes == nil {
		script.Schemes = []string{"host"}
	}
	return &Provider{script: script, uses: make([]int, len(script.Commands))}
}

// Name implements common.ExecutorProvider.
func (p *Provider) Name() string { return p.script.Name }

// Schemes implements common.ExecutorProvider.
func (p *Provider) Schemes() []string { return slices.Clone(p.script.Schemes) }

// Available implements common.ExecutorProvider.
func (p *Provider) Available(ctx context.Context) error {
	err := call(p.script.Available, ctx)
	p.record(Event{Method: "Available", Err: err})
	return err
}

// Acquire implements common.ExecutorProvider.
func (p *Provider) Acquire(ctx context.Context, runner *common.RunnerConfig) (common.Reservation, error) {
	var err error
	if p.script.Acquire != nil {
		err = p.script.Acquire(ctx, runner)
	}
	p.record(Event{Method: "Acquire", Job: runner.Name, Err: err})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.reserved++
	p.mu.Unlock()
	return &reservation{provider: p, name: runner.Name}, nil
}

type reservation struct {
	provider *Provider
	name     string
	once     sync.Once
}

func (r *reservation) Release() {
	r.once.Do(func() {
		r.provider.mu.Lock()
		r.provider.reserved--
		r.provider.mu.Unlock()
		r.provider.record(Event{Method: "Release", Job: r.name})
	})
}

// Inherits implements common.ExecutorProvider: the jobs get nothing.
func (p *Provider) Inherits(*common.RunnerConfig) []string { return nil }

// Create implements common.ExecutorProvider.
func (p *Provider) Create(spec *common.JobSpec) (common.Executor, error) {
	var err error
	if p.script.Create != nil {
		err = p.script.Create(spec)
	}
	p.record(Event{Method: "Create", Job: spec.TrackingID, Err: err})
	if err != nil {
		return nil, err
	}
	e := newExecutor(p, spec)
	p.mu.Lock()
	p.executors = append(p.executors, e)
	p.mu.Unlock()
	if p.script.Engine != nil {
		return newContainerExecutor(e, p.script.Engine), nil
	}
	return e, nil
}

// Events gives all calls so far, in order.
func (p *Provider) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// Methods gives the names of the calls for a job (or registration) so far, in
// order; those of all for an empty name.
func (p *Provider) Methods(job string) []string {
	var names []string
	for _, e := range p.Events() {
		if job == "" || e.Job == job {
			names = append(names, e.Method)
		}
	}
	return names
}

// Executors gives the executors so far, in the order of Create.
func (p *Provider) Executors() []*Executor {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.executors)
}

// Reserved is how many reservations are not released.
func (p *Provider) Reserved() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reserved
}

func (p *Provider) record(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

// reaction finds what the script has for a command and counts its use.
func (p *Provider) reaction(c *Call) (Reaction, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, r := range p.script.Commands {
		if r.Times > 0 && p.uses[i] >= r.Times || r.Match != nil && !r.Match(c) {
			continue
		}
		p.uses[i]++
		return r, true
	}
	return Reaction{}, false
}

func call(f func(context.Context) error, ctx context.Context) error {
	if f == nil {
		return nil
	}
	return f(ctx)
}
