package coordinator

import (
	"context"
	"slices"
	"sync"
	"time"
)

// RPC names a kind of request.
type RPC string

const (
	AnyRPC     RPC = ""
	Ping       RPC = "Ping"
	Register   RPC = "Register"
	Declare    RPC = "Declare"
	FetchTask  RPC = "FetchTask"
	UpdateTask RPC = "UpdateTask"
	UpdateLog  RPC = "UpdateLog"
	Summary    RPC = "Summary" // the upload of a step's summary
)

// Call is a request that a fault may meet.
type Call struct {
	RPC  RPC
	UUID string // of the runner, "" without one
}

// Fault is what goes wrong with a request, or how long it takes. The parts can
// be combined; of those that end a request the first one listed does.
type Fault struct {
	// Count is how many requests it meets; 0 means all until it is removed.
	Count int
	// Match narrows it down to some requests. It is called with a lock held,
	// and must only look.
	Match func(Call) bool

	Delay      time.Duration // before the request is looked at
	Hang       bool          // no answer; nothing is done
	Reset      bool          // the connection is reset; nothing is done
	DropBefore bool          // the connection is closed; nothing is done
	Status     int           // a proxy's HTML page with this status; nothing is done
	Expire     bool          // the server's deadline passes; nothing is done
	Err        error         // the protocol's answer; nothing is done

	Throttle bool          // FetchTask finds all pick slots taken
	Hold     time.Duration // FetchTask without work stays open so long, or until the caller's deadline

	// DelayClaim is between a claim and its answer. A poll that goes away in
	// this time gives the task back.
	DelayClaim time.Duration

	DelayAnswer time.Duration // after it is done
	DropAfter   bool          // the connection is closed after it is done
	ResetAfter  bool          // the connection is reset after it is done
	HangAfter   bool          // no answer after it is done
}

type faultTable struct {
	mu   sync.Mutex
	list []*activeFault
}

type activeFault struct {
	Fault
	rpc  RPC
	left int
}

func newFaultTable() *faultTable { return new(faultTable) }

// Fault makes requests fail from now on; the function it gives removes the
// fault. Every request meets at most one, the one added first.
func (s *Server) Fault(rpc RPC, fault Fault) (remove func()) {
	active := &activeFault{Fault: fault, rpc: rpc, left: fault.Count}
	t := s.faults
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, active)
	return func() { t.remove(active) }
}

// ClearFaults removes all faults. Requests that met one keep it.
func (s *Server) ClearFaults() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = nil
}

func (t *faultTable) remove(fault *activeFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = slices.DeleteFunc(t.list, func(f *activeFault) bool { return f == fault })
}

// take gives the fault of a request, and counts it.
func (t *faultTable) take(call Call) Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range t.list {
		if f.rpc != AnyRPC && f.rpc != call.RPC || f.Match != nil && !f.Match(call) {
			continue
		}
		if f.Count > 0 {
			f.left--
			if f.left == 0 {
				t.list = slices.Delete(t.list, i, i+1)
			}
		}
		return f.Fault
	}
	return Fault{}
}

func (f Fault) afterwards() bool {
	return f.DelayAnswer > 0 || f.DropAfter || f.ResetAfter || f.HangAfter
}

type faultKey struct{}

func withFault(ctx context.Context, fault Fault) context.Context {
	return context.WithValue(ctx, faultKey{}, fault)
}

func faultOf(ctx context.Context) Fault {
	fault, _ := ctx.Value(faultKey{}).(Fault)
	return fault
}
