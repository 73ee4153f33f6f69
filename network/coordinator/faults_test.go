package coordinator_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// faults are what ends a request, with what the client sees and whether the
// server did its work.
var faults = map[string]struct {
	fault coordinator.Fault
	want  network.Class
	done  bool
}{
	"none":        {coordinator.Fault{}, network.ClassNone, true},
	"reset":       {coordinator.Fault{Reset: true}, network.ClassTransport, false},
	"drop before": {coordinator.Fault{DropBefore: true}, network.ClassTransport, false},
	"gateway":     {coordinator.Fault{Status: 502}, network.ClassBusy, false},
	"500":         {coordinator.Fault{Status: 500}, network.ClassInternal, false},
	"maintenance": {coordinator.Fault{Status: 200}, network.ClassWrongServer, false},
	"busy":        {coordinator.Fault{Err: connect.NewError(connect.CodeResourceExhausted, errors.New("busy"))}, network.ClassBusy, false},
	"drop after":  {coordinator.Fault{DropAfter: true}, network.ClassTransport, true},
	"reset after": {coordinator.Fault{ResetAfter: true}, network.ClassTransport, true},
	"delay":       {coordinator.Fault{Delay: time.Millisecond, DelayAnswer: time.Millisecond}, network.ClassNone, true},
}

func TestFaults(t *testing.T) {
	check := func(t *testing.T, s *coordinator.Server, client *network.Client) {
		s.Enqueue(coordinator.RawJob{Payload: []byte(payload)})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		id, index := answer.Tasks[0].GetId(), int64(0)
		for name, test := range faults {
			remove := s.Fault(coordinator.UpdateLog, test.fault)
			_, err := client.UpdateLog(t.Context(), &runnerv1.UpdateLogRequest{
				TaskId: id, Index: index, Rows: []*runnerv1.LogRow{{Content: name}},
			})
			remove()
			if got := network.Classify(err); got != test.want {
				t.Errorf("%s: %v is %v", name, err, got)
			}
			if rows := s.Log(id); (len(rows) > int(index)) != test.done {
				t.Errorf("%s: %d rows", name, len(rows))
			}
			index = int64(len(s.Log(id)))
		}
	}
	t.Run("memory", func(t *testing.T) {
		b := newBench(t, coordinator.Options{})
		check(t, b.Server, b.runner(coordinator.RunnerSpec{}).Client)
	})
	t.Run("loopback", func(t *testing.T) {
		s := coordinator.New(coordinator.Options{})
		defer s.Close()
		listener := httptest.NewServer(s.Handler())
		defer listener.Close()
		pool := network.NewPool(network.PoolOptions{})
		defer pool.Close()
		e, err := pool.Endpoint(listener.URL, network.TLSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		row := s.AddRunner(coordinator.RunnerSpec{})
		check(t, s, e.Client(row.UUID, common.NewSecret(row.Token)))
	})
}

func TestFaultsAreCountedMatchedAndRemoved(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	first, second := b.runner(coordinator.RunnerSpec{}), b.runner(coordinator.RunnerSpec{})
	fails := func(r *runner) bool { return r.Verify(t.Context()) != nil }

	b.Fault(coordinator.UpdateLog, coordinator.Fault{Status: 503, Count: 2})
	for i := range 3 {
		if fails(first) != (i < 2) {
			t.Errorf("a fault of two requests: request %d", i)
		}
	}
	remove := b.Fault(coordinator.AnyRPC, coordinator.Fault{
		Status: 503,
		Match:  func(call coordinator.Call) bool { return call.UUID == second.row.UUID },
	})
	for range 2 {
		if fails(first) || !fails(second) {
			t.Error("a fault of one runner")
		}
	}
	remove()
	if fails(second) {
		t.Error("a removed fault")
	}
	b.Fault(coordinator.AnyRPC, coordinator.Fault{Status: 503})
	b.ClearFaults()
	if fails(first) {
		t.Error("a cleared fault")
	}
}

func TestHangingRequestsEndWithTheClientOrTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, fault := range map[string]coordinator.Fault{"before": {Hang: true}, "after": {HangAfter: true}} {
			b := newBench(t, coordinator.Options{})
			r := b.runner(coordinator.RunnerSpec{})
			b.Fault(coordinator.AnyRPC, fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			if err := r.Verify(ctx); network.Classify(err) != network.ClassTransport || time.Since(start) != time.Minute {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			time.AfterFunc(time.Second, b.Close)
			if err := r.Verify(t.Context()); network.Classify(err) != network.ClassTransport {
				t.Errorf("%s: closed server: %v", name, err)
			}
		}
	})
}

func TestStatsCountRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []coordinator.Observation
		b := newBench(t, coordinator.Options{Observe: func(o coordinator.Observation) { seen = append(seen, o) }})
		b.Fault(coordinator.FetchTask, coordinator.Fault{Hold: 10 * time.Second})
		first, second := b.runner(coordinator.RunnerSpec{}), b.runner(coordinator.RunnerSpec{})
		done := make(chan error, 2)
		for i, r := range []*runner{first, second} {
			time.AfterFunc(time.Duration(i)*time.Second, func() {
				_, err := r.FetchTask(t.Context(), network.FetchRequest{})
				done <- err
			})
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if got := b.Stats(coordinator.FetchTask); got != (coordinator.RPCStats{Requests: 2, MaxInFlight: 2}) {
			t.Errorf("stats %+v", got)
		}
		if got := b.Stats(coordinator.AnyRPC).Requests; got != 2 {
			t.Errorf("%d requests in all", got)
		}
		if got := b.Stats(coordinator.Declare); got != (coordinator.RPCStats{}) {
			t.Errorf("stats of what never came: %+v", got)
		}
		if len(seen) != 4 || seen[0].UUID != first.row.UUID || !seen[3].End || seen[3].Status != 200 || seen[3].At.Sub(seen[0].At) != 11*time.Second {
			t.Errorf("observed %+v", seen)
		}
	})
}

func TestHostsLeadToTheirServers(t *testing.T) {
	a, b := coordinator.New(coordinator.Options{}), coordinator.New(coordinator.Options{})
	defer a.Close()
	defer b.Close()
	pool := network.NewPool(network.PoolOptions{Transport: coordinator.Hosts{"a": a.Transport(), "b": b.Transport()}})
	for host, want := range map[string]network.Class{"a": network.ClassNone, "b": network.ClassNone, "c": network.ClassTransport} {
		e, err := pool.Endpoint("http://"+host, network.TLSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Ping(t.Context()); network.Classify(err) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	if a.Stats(coordinator.Ping).Requests != 1 || b.Stats(coordinator.Ping).Requests != 1 {
		t.Error("the pings did not spread")
	}
}

func TestSweepsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, coordinator.Options{SweepEvery: 5 * time.Minute})
		r := b.runner(coordinator.RunnerSpec{})
		run, _ := b.Enqueue(coordinator.RawJob{Payload: []byte(strings.ReplaceAll(payload, "echo", "true"))})
		r.mustFetch()
		start := time.Now()
		got, err := b.Wait(t.Context(), run)
		if err != nil || got.Status != coordinator.StatusFailure || time.Since(start) != 15*time.Minute {
			t.Errorf("%+v, %v after %v", got, err, time.Since(start))
		}
		b.Close()
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	b := newBench(t, coordinator.Options{})
	run, _ := b.Enqueue(coordinator.RawJob{})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	if _, err := b.Wait(ctx, run); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if _, err := b.Wait(t.Context(), 99); err == nil {
		t.Error("waited for a run that does not exist")
	}
}
