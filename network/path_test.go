//go:build real

package network_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// relay is a TCP connection's way to a server, which can be cut off without
// either end being told.
type relay struct {
	listener net.Listener
	frozen   chan struct{}
	done     sync.WaitGroup
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, frozen: make(chan struct{})}
	r.done.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			t.Cleanup(func() { client.Close(); behind.Close() })
			r.done.Go(func() { r.copy(client, behind) })
			r.done.Go(func() { r.copy(behind, client) })
		}
	})
	return r
}

func (r *relay) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-r.frozen: // swallowed
		default:
			to.Write(buffer[:n])
		}
	}
}

func TestADeadHTTP2ConnectionIsNoticedByPings(t *testing.T) {
	s := coordinator.New(coordinator.Options{})
	defer s.Close()
	server := httptest.NewUnstartedServer(s.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	defer server.CloseClientConnections() // the relay tells nobody of its end
	r := newRelay(t, server.Listener.Addr().String())
	defer r.listener.Close()
	pool := network.NewPool(network.PoolOptions{})
	defer pool.Close()
	e, err := pool.Endpoint("https://"+r.listener.Addr().String(), network.TLSOptions{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	client := register(t, s, e, coordinator.RunnerSpec{Name: "a"})
	s.Fault(coordinator.FetchTask, coordinator.Fault{Hold: time.Minute})
	time.AfterFunc(time.Second, func() { close(r.frozen) })
	answer, err := client.FetchTask(context.Background(), network.FetchRequest{Hold: 50 * time.Second, Patience: time.Minute})
	if class := network.Classify(err); class != network.ClassTransport || answer.Elapsed > 30*time.Second {
		t.Errorf("after %s: %v (%v), want a transport error within the two ping timeouts", answer.Elapsed, err, class)
	}
}

// proxied is the environment variable that makes the test binary the client of
// a proxy: the environment is read once in a process.
const proxied = "NETWORK_TEST_PROXIED"

func TestProxiesOfTheEnvironmentAreUsed(t *testing.T) {
	const instance = "http://git.example.test"
	if os.Getenv(proxied) != "" {
		pool := network.NewPool(network.PoolOptions{})
		defer pool.Close()
		e, err := pool.Endpoint(instance, network.TLSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Register(t.Context(), network.RegisterRequest{Token: common.NewSecret(os.Getenv(proxied)), Name: "a"}); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := coordinator.New(coordinator.Options{URL: instance})
	defer s.Close()
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		s.Handler().ServeHTTP(w, r)
	}))
	defer proxy.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxiesOfTheEnvironmentAreUsed$")
	cmd.Env = append(os.Environ(), "HTTP_PROXY="+proxy.URL, "NO_PROXY=", proxied+"="+s.AddRegistrationToken(coordinator.Scope{}))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(strings.Join(asked, " "), "git.example.test") || len(s.Runners()) != 1 {
		t.Errorf("the proxy was asked for %v, the server has %d runners", asked, len(s.Runners()))
	}
}
