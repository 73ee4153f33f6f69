package network_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// roundTripper is a server in a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	return f(req)
}

// answering gives the same answer to everything.
func answering(status int, contentType, body string) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status,
			Header:     http.Header{"Content-Type": {contentType}},
			Body:       io.NopCloser(strings.NewReader(body)),
			Request:    req,
		}, nil
	}
}

func endpoint(t *testing.T, url string, transport http.RoundTripper) *network.Endpoint {
	t.Helper()
	pool := network.NewPool(network.PoolOptions{Transport: transport})
	t.Cleanup(pool.Close)
	e, err := pool.Endpoint(url, network.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// register makes a runner and a client for it.
func register(t *testing.T, s *coordinator.Server, e *network.Endpoint, spec coordinator.RunnerSpec) *network.Client {
	t.Helper()
	row := s.AddRunner(spec)
	return e.Client(row.UUID, common.NewSecret(row.Token))
}

// servers runs a test against a coordinator in memory and over loopback.
func servers(t *testing.T, options coordinator.Options, test func(*testing.T, *coordinator.Server, *network.Endpoint)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		s := coordinator.New(options)
		defer s.Close()
		test(t, s, endpoint(t, s.URL(), s.Transport()))
	})
	t.Run("loopback", func(t *testing.T) {
		listener := httptest.NewUnstartedServer(nil)
		options.URL = "http://" + listener.Listener.Addr().String() + "/git"
		s := coordinator.New(options)
		listener.Config.Handler = s.Handler()
		listener.Start()
		defer listener.Close()
		defer s.Close()
		test(t, s, endpoint(t, s.URL(), nil))
	})
}

const payload = "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - run: echo 1\n      - run: echo 2\n"
