//go:build soak

package supervisor

import "testing"

// The long count of TestNothingIsLostAndNobodyStarves.
func TestSoak(t *testing.T) {
	seed := seedOf(t)
	for i := range uint64(10) {
		inChaos(t, seed+100*i, 3)
	}
}

// The long count of TestAStopWhilePollingOrphansNoTask.
func TestSoakStopsWhilePolling(t *testing.T) { stopsWhilePolling(t, seedOf(t), 1000) }
