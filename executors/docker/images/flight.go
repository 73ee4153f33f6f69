package images

import (
	"context"
	"io"
	"sync"
)

// flights lets callers that want the same thing at the same time share the
// work. The work goes on while anybody waits for it.
type flights[T any] struct {
	mu    sync.Mutex
	byKey map[string]*flight[T]
}

type flight[T any] struct {
	ctx     context.Context
	log     *fanout
	cancel  context.CancelCauseFunc
	waiting int
	done    chan struct{}
	value   T
	err     error
}

// do gives what work gives, begun by this call or by an earlier one with the
// same key that has not ended. What the work writes to its log goes to the log
// of everybody who waits. When ctx ends, the call ends with its cause; the last
// one to leave cancels the work and waits for its end.
func (f *flights[T]) do(ctx context.Context, key string, log io.Writer, work func(context.Context, io.Writer) (T, error)) (T, error) {
	f.mu.Lock()
	if f.byKey == nil {
		f.byKey = map[string]*flight[T]{}
	}
	current := f.byKey[key]
	begins := current == nil
	if begins {
		own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		current = &flight[T]{ctx: own, log: &fanout{}, cancel: cancel, done: make(chan struct{})}
		f.byKey[key] = current
	}
	current.waiting++
	leave := current.log.add(log) // before the work writes its first line
	defer leave()
	f.mu.Unlock()
	if begins {
		go func() {
			defer close(current.done)
			defer current.cancel(nil)
			current.value, current.err = work(current.ctx, current.log)
			f.mu.Lock()
			if f.byKey[key] == current {
				delete(f.byKey, key)
			}
			f.mu.Unlock()
		}()
	}
	select {
	case <-current.done:
		return current.value, current.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	current.waiting--
	last := current.waiting == 0
	if last && f.byKey[key] == current {
		delete(f.byKey, key) // whoever comes now starts anew
	}
	f.mu.Unlock()
	if last {
		current.cancel(context.Cause(ctx))
		<-current.done
	}
	var none T
	return none, context.Cause(ctx)
}

// fanout writes to everybody who listens. A writer's error is its own affair.
type fanout struct {
	mu      sync.Mutex
	writers map[int]io.Writer
	next    int
}

// add lets a writer hear what is written from now on. After leave it is not
// written to any more.
func (f *fanout) add(w io.Writer) (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writers == nil {
		f.writers = map[int]io.Writer{}
	}
	id := f.next
	f.next++
	f.writers[id] = w
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.writers, id)
	}
}

func (f *fanout) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.writers {
		w.Write(p)
	}
	return len(p), nil
}
