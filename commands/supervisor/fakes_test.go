package supervisor

import (
	"context"
	"sync"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

// fakeBuild is a job that takes a while.
type fakeBuild struct {
	w             *world
	key           string
	done, stopped chan struct{}
	once          sync.Once
}

func (b *fakeBuild) run(d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.stopped:
	}
	b.w.mu.Lock()
	b.w.running--
	b.w.mu.Unlock()
	close(b.done)
}

func (b *fakeBuild) Done() <-chan struct{} { return b.done }

func (b *fakeBuild) Stop(reason common.StopReason) {
	b.w.mu.Lock()
	b.w.stops[b.key] = append(b.w.stops[b.key], reason)
	b.w.mu.Unlock()
	b.once.Do(func() { close(b.stopped) })
}

func (b *fakeBuild) Result() runnerv1.Result { return runnerv1.Result_RESULT_SUCCESS }

// fakeProvider is an executor without anything behind it.
type fakeProvider struct {
	common.ExecutorProvider
	name, scheme string

	mu      sync.Mutex
	fault   error
	refusal error
	held    int
}

func (p *fakeProvider) Name() string      { return p.name }
func (p *fakeProvider) Schemes() []string { return []string{p.scheme} }

func (p *fakeProvider) set(fault, refusal error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.refusal = fault, refusal
}

func (p *fakeProvider) holding() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

func (p *fakeProvider) Available(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

func (p *fakeProvider) Acquire(context.Context, *common.RunnerConfig) (common.Reservation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refusal != nil {
		return nil, p.refusal
	}
	p.held++
	return &fakeReservation{p: p}, nil
}

type fakeReservation struct {
	p    *fakeProvider
	once sync.Once
}

func (r *fakeReservation) Release() {
	r.once.Do(func() {
		r.p.mu.Lock()
		r.p.held--
		r.p.mu.Unlock()
	})
}

// errorFor is an error for one task.
func errorFor(id int64, err error) func(*runnerv1.Task) error {
	return func(task *runnerv1.Task) error {
		if task.GetId() == id {
			return err
		}
		return nil
	}
}

// oncePanic panics at the first task.
func oncePanic(hook *func(*runnerv1.Task) error) func() {
	var once sync.Once
	*hook = func(*runnerv1.Task) error {
		once.Do(func() { panic("boom") })
		return nil
	}
	return func() { *hook = nil }
}
