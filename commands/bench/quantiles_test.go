//go:build bench && linux

package bench

import (
	"fmt"
	"slices"
	"time"
)

// times are durations of one kind.
type times []time.Duration

// at gives a quantile: 0.5 is the median, 1 the largest.
func (d times) at(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// three gives p50, p99 and the largest as cells.
func (d times) three() []any {
	return []any{spell(d.at(0.5)), spell(d.at(0.99)), spell(d.at(1))}
}

// spell writes a duration with three digits that matter.
func spell(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return milliseconds(d)
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms >= 100 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2g ms", ms)
}

func rate(n int, d time.Duration) string {
	perSecond := float64(n) / d.Seconds()
	if perSecond >= 100 {
		return fmt.Sprintf("%.0f", perSecond)
	}
	return fmt.Sprintf("%.2f", perSecond)
}

func percent(part, of time.Duration) string {
	return fmt.Sprintf("%.2f %%", 100*part.Seconds()/of.Seconds())
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
