package network_test

import (
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// closing is a server that answers the first request of each connection, and
// closes it when the second one comes: as if the two had crossed.
type closing struct {
	next  http.Handler
	after time.Duration

	mu    sync.Mutex
	conns map[string]bool // that have had a request
	calls map[string]int
}

func (c *closing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	second := c.conns[r.RemoteAddr]
	c.conns[r.RemoteAddr] = true
	c.calls[path.Base(r.URL.Path)]++
	c.mu.Unlock()
	if second {
		time.Sleep(c.after)
		panic(http.ErrAbortHandler)
	}
	c.next.ServeHTTP(w, r)
}

func (c *closing) count(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[method]
}

func behindClosing(t *testing.T, after time.Duration) (*closing, *coordinator.Server, *network.Endpoint) {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	s := coordinator.New(coordinator.Options{URL: "http://" + listener.Listener.Addr().String()})
	server := &closing{next: s.Handler(), after: after, conns: map[string]bool{}, calls: map[string]int{}}
	listener.Config.Handler = server
	listener.Start()
	t.Cleanup(listener.Close)
	t.Cleanup(s.Close)
	return server, s, endpoint(t, s.URL(), nil)
}

func TestAConnectionThatTheServerClosedMeanwhileFailsNoCall(t *testing.T) {
	server, s, e := behindClosing(t, 0)
	client := register(t, s, e, coordinator.RunnerSpec{Labels: []string{"linux"}})
	if err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(payload)})
	answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: 5 * time.Second, Patience: 15 * time.Second})
	if err != nil || len(answer.Tasks) != 1 {
		t.Errorf("fetched %+v, %v", answer, err)
	}
	if err := client.Verify(t.Context()); err != nil {
		t.Errorf("UpdateLog: %v", err)
	}
	if polls, logs := server.count("FetchTask"), server.count("UpdateLog"); polls != 2 || logs != 2 {
		t.Errorf("the server saw %d polls and %d logs, want each twice", polls, logs)
	}
}

func TestACallThatTheServerMayHaveWorkedOnIsNotRepeated(t *testing.T) {
	server, s, e := behindClosing(t, 1200*time.Millisecond)
	client := register(t, s, e, coordinator.RunnerSpec{})
	if err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: 5 * time.Second, Patience: 15 * time.Second})
	if network.Classify(err) != network.ClassTransport || !network.RequestSent(err) || server.count("FetchTask") != 1 {
		t.Errorf("after %d polls: %v", server.count("FetchTask"), err)
	}
}

func TestARegistrationIsNotRepeated(t *testing.T) {
	server, s, e := behindClosing(t, 0)
	if err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := common.NewSecret(s.AddRegistrationToken(coordinator.Scope{}))
	_, err := e.Register(t.Context(), network.RegisterRequest{Name: "n", Token: token})
	if network.Classify(err) != network.ClassTransport || server.count("Register") != 1 {
		t.Errorf("after %d registrations: %v", server.count("Register"), err)
	}
}
