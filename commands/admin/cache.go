package admin

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// cacheFor bounds what clients can cost the supervisor's loop.
	cacheFor = time.Second
	// askPatience is how long the supervisor may take to answer.
	askPatience = 3 * time.Second
)

// errNoAnswer is why an answer has not come.
var errNoAnswer = errors.New("the scheduler gives no answer")

// cache keeps an answer for a second. One question is asked at a time, whoever
// waits for it.
type cache[T any] struct {
	ask func(context.Context) (T, error)

	mu    sync.Mutex
	at    time.Time
	value T
	err   error
}

func newCache[T any](ask func(context.Context) (T, error)) *cache[T] {
	return &cache[T]{ask: ask}
}

// get gives an answer that is a second old at most.
func (c *cache[T]) get() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > cacheFor {
		ctx, cancel := context.WithTimeoutCause(context.Background(), askPatience, errNoAnswer)
		c.value, c.err = c.ask(ctx)
		if errors.Is(c.err, context.DeadlineExceeded) {
			c.err = errNoAnswer
		}
		cancel()
		c.at = time.Now()
	}
	return c.value, c.err
}
