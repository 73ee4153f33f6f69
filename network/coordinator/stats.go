package coordinator

import (
	"sync"
	"time"
)

// RPCStats counts requests of one kind.
type RPCStats struct {
	Requests    int // that arrived
	InFlight    int
	MaxInFlight int
}

// Observation is the start or the end of a request.
type Observation struct {
	Call
	At     time.Time
	End    bool
	Status int // HTTP status of an answer; 0 at the start and without an answer
}

type statTable struct {
	mu  sync.Mutex
	rpc map[RPC]*RPCStats
}

func newStatTable() *statTable { return &statTable{rpc: make(map[RPC]*RPCStats)} }

// Stats gives the counts of a kind of request, of all together for AnyRPC.
func (s *Server) Stats(rpc RPC) RPCStats {
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	if stats := s.stats.rpc[rpc]; stats != nil {
		return *stats
	}
	return RPCStats{}
}

func (t *statTable) start(rpc RPC) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range []RPC{rpc, AnyRPC} {
		stats := t.rpc[key]
		if stats == nil {
			stats = new(RPCStats)
			t.rpc[key] = stats
		}
		stats.Requests++
		stats.InFlight++
		stats.MaxInFlight = max(stats.MaxInFlight, stats.InFlight)
	}
}

func (t *statTable) end(rpc RPC) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rpc[rpc].InFlight--
	t.rpc[AnyRPC].InFlight--
}
