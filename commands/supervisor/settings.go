package supervisor

import (
	"time"

	"multirunner/common"
)

// settings are the global keys that the supervisor works by.
type settings struct {
	concurrent      int
	checkInterval   time.Duration
	intervalMax     time.Duration
	fetchTimeout    time.Duration
	cycleTarget     time.Duration
	idleRate        float64 // polls per second and endpoint when nothing happens
	requestRate     float64 // requests per second and endpoint, at most
	shutdownTimeout time.Duration
	perRunner       common.Switch
}

// settingsOf reads a validated configuration. The floors keep a loop from
// spinning when it is not.
func settingsOf(c *common.Config) settings {
	s := settings{
		concurrent:      max(1, c.Concurrent),
		checkInterval:   max(c.CheckInterval.Std(), time.Millisecond),
		fetchTimeout:    max(c.Polling.FetchTimeout.Std(), time.Millisecond),
		cycleTarget:     max(c.Polling.CycleTarget.Std(), time.Millisecond),
		idleRate:        max(c.Polling.IdleRequestsPerSecond, 0.001),
		requestRate:     c.Polling.RequestsPerSecond,
		shutdownTimeout: max(c.ShutdownTimeout.Std(), 0),
		perRunner:       c.Metrics.PerRunner,
	}
	s.intervalMax = max(c.Polling.IntervalMax.Std(), s.checkInterval)
	return s
}

// idleInterval is the longest interval between two polls of an idle
// registration, so that an endpoint with so many of them gets idleRate polls
// per second.
func (s settings) idleInterval(registrations int) time.Duration {
	byBudget := seconds(float64(registrations) / s.idleRate)
	return min(max(byBudget, s.checkInterval), s.intervalMax)
}

// spread is the time over which so many new registrations of an endpoint get
// their first turn.
func (s settings) spread(registrations int) time.Duration {
	byBudget := seconds(float64(registrations) / s.idleRate)
	return min(max(byBudget, min(time.Second, s.checkInterval)), s.intervalMax)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
