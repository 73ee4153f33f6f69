package coordinator_test

import (
	"testing"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// BenchmarkPoll is an empty poll in memory, both sides.
func BenchmarkPoll(b *testing.B) {
	s := coordinator.New(coordinator.Options{})
	defer s.Close()
	pool := network.NewPool(network.PoolOptions{Transport: s.Transport()})
	e, err := pool.Endpoint(s.URL(), network.TLSOptions{})
	if err != nil {
		b.Fatal(err)
	}
	row := s.AddRunner(coordinator.RunnerSpec{})
	client := e.Client(row.UUID, common.NewSecret(row.Token))
	for b.Loop() {
		if _, err := client.FetchTask(b.Context(), network.FetchRequest{Version: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
