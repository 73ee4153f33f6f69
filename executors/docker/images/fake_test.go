package images

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine answers requests of the Engine API in memory, so that time can be
// the test's.
type fakeEngine struct {
	mu    sync.Mutex
	local map[string]bool // names that can be inspected
	pulls []url.Values
	auths []string
	// pull answers the nth request to pull, from 0.
	pull func(ctx context.Context, n int) (status int, body io.Reader)
}

func (f *fakeEngine) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.WithHTTPClient(&http.Client{Transport: f}), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *fakeEngine) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/v1.41")
	status, body := http.StatusNotFound, io.Reader(strings.NewReader(`{"message":"No such image"}`))
	switch {
	case path == "/images/create":
		f.mu.Lock()
		n := len(f.pulls)
		f.pulls = append(f.pulls, r.URL.Query())
		f.auths = append(f.auths, r.Header.Get("X-Registry-Auth"))
		f.mu.Unlock()
		status, body = f.pull(r.Context(), n)
		if status == http.StatusOK {
			f.mu.Lock()
			f.local[r.URL.Query().Get("fromImage")+":"+r.URL.Query().Get("tag")] = true
			f.mu.Unlock()
		}
	case strings.HasPrefix(path, "/images/"):
		name := strings.TrimSuffix(strings.TrimPrefix(path, "/images/"), "/json")
		f.mu.Lock()
		if f.local[name] {
			text, _ := json.Marshal(map[string]any{"Id": "sha256:0123456789abcdef", "Os": "linux", "Architecture": "amd64"})
			status, body = http.StatusOK, strings.NewReader(string(text))
		}
		f.mu.Unlock()
	}
	closer, ok := body.(io.ReadCloser)
	if !ok {
		closer = io.NopCloser(body)
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {"application/json"}},
		Body: closer, Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (f *fakeEngine) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pulls)
}

// engineSays is an engine's error.
func engineSays(status int, text string) (int, io.Reader) {
	body, _ := json.Marshal(map[string]string{"message": text})
	return status, strings.NewReader(string(body))
}

func store(t *testing.T, f *fakeEngine, policy ...string) *Store {
	t.Helper()
	if f.local == nil {
		f.local = map[string]bool{}
	}
	return New(Options{Engine: f.client(t), Policy: common.PullPolicy(policy), Rand: func() float64 { return 0.5 }})
}

// lines is a log that can be looked at while it is written.
type lines = dockertest.Lines
