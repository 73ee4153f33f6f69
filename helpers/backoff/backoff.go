// Package backoff gives growing, jittered waiting times between attempts.
package backoff

import "time"

// Backoff doubles from a base to a maximum. It keeps no timer: the caller
// waits. It is not safe for concurrent use.
type Backoff struct {
	base, max time.Duration
	jitter    float64
	rand      func() float64
	next      time.Duration
}

// New makes a Backoff whose first Next is base, each later one double the one
// before, none above max, all before jitter. jitter is the fraction by which a
// wait may differ either way: 0.2 gives 80 % to 120 %. rand gives numbers in
// [0, 1), as math/rand/v2.Float64 does; nil means no jitter.
func New(base, max time.Duration, jitter float64, rand func() float64) *Backoff {
	return &Backoff{base: base, max: max, jitter: jitter, rand: rand, next: min(base, max)}
}

// Next gives the time to wait before the next attempt, and grows.
func (b *Backoff) Next() time.Duration {
	wait := b.next
	if b.next > b.max/2 {
		b.next = b.max
	} else {
		b.next *= 2
	}
	return Jitter(wait, b.jitter, b.rand)
}

// Reset starts over at the base, after a success.
func (b *Backoff) Reset() { b.next = min(b.base, b.max) }

// Jitter gives d, changed by up to the fraction either way. It is never
// negative. A nil rand gives d itself.
func Jitter(d time.Duration, fraction float64, rand func() float64) time.Duration {
	if rand == nil || fraction == 0 {
		return d
	}
	return max(0, d+time.Duration(float64(d)*fraction*(2*rand()-1)))
}
