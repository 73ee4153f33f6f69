package backoff

import (
	"math"
	"slices"
	"testing"
	"time"
)

func fixed(v float64) func() float64 { return func() float64 { return v } }

func TestDoublesUpToTheMaximumAndStartsOver(t *testing.T) {
	b := New(time.Second, 5*time.Second, 0, nil)
	var got []time.Duration
	for range 5 {
		got = append(got, b.Next())
	}
	b.Reset()
	got = append(got, b.Next())
	want := []time.Duration{1e9, 2e9, 4e9, 5e9, 5e9, 1e9}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBaseAboveTheMaximumIsTheMaximum(t *testing.T) {
	if got := New(10*time.Second, time.Second, 0, nil).Next(); got != time.Second {
		t.Errorf("got %v", got)
	}
}

func TestALargeMaximumDoesNotOverflow(t *testing.T) {
	b := New(time.Hour, math.MaxInt64, 0, nil)
	last := time.Duration(0)
	for range 100 {
		next := b.Next()
		if next < last {
			t.Fatalf("%v follows %v", next, last)
		}
		last = next
	}
}

func TestJitterStaysWithinItsFraction(t *testing.T) {
	for _, tt := range []struct {
		rand float64
		want time.Duration
	}{
		{0, 8 * time.Second}, {0.5, 10 * time.Second}, {0.75, 11 * time.Second},
	} {
		if got := Jitter(10*time.Second, 0.2, fixed(tt.rand)); got != tt.want {
			t.Errorf("rand %v: got %v, want %v", tt.rand, got, tt.want)
		}
	}
	if got := Jitter(time.Second, 3, fixed(0)); got != 0 {
		t.Errorf("a jitter above 1 gave %v, want 0", got)
	}
	if got := New(time.Second, time.Minute, 0.2, fixed(0)).Next(); got != 800*time.Millisecond {
		t.Errorf("the first wait is %v, want 800ms", got)
	}
}
