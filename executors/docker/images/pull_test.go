package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const ok = `{"status":"Pulling from library/tool","id":"1"}
{"status":"Digest: sha256:aaaa"}
`

func TestAPullIsTriedAgainOnlyWhenThatMayHelp(t *testing.T) {
	refused := `Get "https://registry.example.org/v2/": dial tcp 192.0.2.1:443: connect: connection refused`
	for _, tt := range []struct {
		name   string
		status int
		text   string
		tries  int
	}{
		{"refused connection", 500, refused, 3},
		{"a name that does not resolve", 500, "dial tcp: lookup registry.example.org: no such host", 3},
		{"time-out", 500, "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", 3},
		{"too many requests", 500, "toomanyrequests: You have reached your pull rate limit", 3},
		{"registry in trouble", 500, "received unexpected HTTP status: 503 Service Unavailable", 3},
		{"no such tag", 404, "manifest for tool:1 not found: manifest unknown: manifest unknown", 1},
		{"denied", 404, "pull access denied for tool, repository does not exist or may require 'docker login'", 1},
		{"unauthorized, as a status 500", 500, "Head \"https://registry.example.org/v2/tool/manifests/1\": unauthorized: authentication required", 1},
		{"no such platform", 404, "no matching manifest for linux/s390x in the manifest list entries", 1},
		{"plain HTTP", 500, "http: server gave HTTP response to HTTPS client", 1},
		{"disk full", 500, "write /var/lib/docker/tmp/x: no space left on device", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeEngine{pull: func(context.Context, int) (int, io.Reader) { return engineSays(tt.status, tt.text) }}
				began := time.Now()
				_, err := store(t, f, "always").Resolve(t.Context(), Request{Image: "tool:1"}, io.Discard)
				if err == nil || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("error %v does not tell %q", err, tt.text)
				}
				if f.count() != tt.tries {
					t.Errorf("%d tries, want %d", f.count(), tt.tries)
				}
				want := time.Duration(0)
				if tt.tries == 3 {
					want = 3 * time.Second // 1s, then 2s
				}
				if took := time.Since(began); took != want {
					t.Errorf("it took %s, want %s", took, want)
				}
			})
		})
	}
}

func TestAnImageWhoseNameIsAnErrorIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{pull: func(context.Context, int) (int, io.Reader) {
			return engineSays(500, "Get https://registry.example.org/v2/denied/unauthorized: EOF")
		}}
		store(t, f, "always").Resolve(t.Context(), Request{Image: "registry.example.org/denied/unauthorized"}, io.Discard)
		if f.count() != 3 {
			t.Errorf("%d tries, want 3", f.count())
		}
	})
}

func TestAPullThatBreaksOffIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{pull: func(_ context.Context, n int) (int, io.Reader) {
			switch n {
			case 0:
				return 200, strings.NewReader(`{"status":"Pulling fs layer","id":"a"}{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}`)
			case 1:
				return 200, strings.NewReader(`{"status":"Pulling fs la`)
			}
			return 200, strings.NewReader(ok)
		}}
		var log lines
		image, err := store(t, f, "always").Resolve(t.Context(), Request{Image: "tool:1"}, &log)
		if err != nil || f.count() != 3 || image.Ref != "docker.io/library/tool:1" || image.Digest != "sha256:aaaa" {
			t.Errorf("%d tries gave %+v, %v", f.count(), image, err)
		}
		want := "Pulling image tool:1\n" +
			"Pulling image tool:1 failed, try 2 of 3 follows in 1s: unexpected EOF\n" +
			"Pulling image tool:1 failed, try 3 of 3 follows in 2s: unexpected EOF\n" +
			"Pulled image tool:1 (sha256:0123456789ab) in 3s\n"
		if log.String() != want {
			t.Errorf("log:\n%swant:\n%s", log.String(), want)
		}
	})
}

func TestPoliciesAreTriedInTheirOrder(t *testing.T) {
	const away = "connection refused"
	for _, tt := range []struct {
		policy  string
		here    bool
		gives   bool // the registry gives it
		pulls   int
		image   bool
		says    string // in the error, or in the log
		another string
	}{
		{"always", true, true, 1, true, "Pulled image", ""},
		{"always", true, false, 3, false, "pull_policy always: pulling failed 3 times: " + away, ""},
		{"if-not-present", true, true, 0, true, "which is here already", ""},
		{"if-not-present", false, true, 1, true, "Pulled image", ""},
		{"if-not-present", false, false, 3, false, "if-not-present: it is not on this machine, and pulling failed 3 times: " + away, ""},
		{"never", true, true, 0, true, "Using image tool:1", ""},
		{"never", false, true, 0, false, "pull_policy never: it is not on this machine", ""},
		{"always if-not-present", true, false, 3, true, "Image tool:1: always: pulling failed 3 times: connection refused; trying if-not-present\n", "which is here already"},
		{"always if-not-present", false, false, 3, false, "always: pulling failed 3 times: connection refused; if-not-present: it is not on this machine, and pulling it has failed already", ""},
		{"never always", false, true, 1, true, "never: it is not on this machine; trying always", "Pulled image"},
	} {
		t.Run(fmt.Sprintf("%s, here %t, registry %t", tt.policy, tt.here, tt.gives), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeEngine{local: map[string]bool{"docker.io/library/tool:1": tt.here}, pull: func(context.Context, int) (int, io.Reader) {
					if tt.gives {
						return 200, strings.NewReader(ok)
					}
					return engineSays(500, away)
				}}
				var log lines
				image, err := store(t, f, strings.Fields(tt.policy)...).Resolve(t.Context(), Request{Image: "tool:1"}, &log)
				if f.count() != tt.pulls || (image != nil) != tt.image || (err == nil) != tt.image {
					t.Fatalf("%d pulls gave %v, %v", f.count(), image, err)
				}
				said := log.String()
				if err != nil {
					said = err.Error()
				}
				if !strings.Contains(said, tt.says) || !strings.Contains(said, tt.another) {
					t.Errorf("it says:\n%s\nnot %q and %q", said, tt.says, tt.another)
				}
			})
		})
	}
}

// message is a message of a pull.
func message(w io.Writer, id, status string, current, total int64) {
	m := map[string]any{"id": id, "status": status}
	if total > 0 {
		m["progressDetail"] = map[string]int64{"current": current, "total": total}
	}
	json.NewEncoder(w).Encode(m)
}

func TestProgressOfALongPullIsAFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{pull: func(context.Context, int) (int, io.Reader) {
			r, w := io.Pipe()
			go func() {
				time.Sleep(12010 * time.Millisecond)
				message(w, "1", "Pulling from library/tool", 0, 0)
				message(w, "a", "Already exists", 0, 0)
				for i := range int64(1000) { // 20 s
					message(w, "b", "Downloading", i*100_000, 100_000_000)
					time.Sleep(20 * time.Millisecond)
				}
				time.Sleep(100 * time.Second)
				message(w, "b", "Download complete", 0, 0)
				message(w, "b", "Pull complete", 0, 0)
				w.Close()
			}()
			return 200, r
		}}
		var log lines
		if _, err := store(t, f, "always").Resolve(t.Context(), Request{Image: "tool:1", Platform: "linux/x86_64"}, &log); err != nil {
			t.Fatal(err)
		}
		want := `Pulling image tool:1 for linux/amd64
tool:1: waiting for the registry
tool:1: 1 of 2 layers, 39.9MB of 100MB
tool:1: 1 of 2 layers, 89.9MB of 100MB
tool:1: 1 of 2 layers, 99.9MB of 100MB
tool:1: 1 of 2 layers, 99.9MB of 100MB, nothing new for 1m8s
Pulled image tool:1 (sha256:0123456789ab) in 2m12s
`
		if log.String() != want {
			t.Errorf("log:\n%swant:\n%s", log.String(), want)
		}
	})
}

func TestAPullWithoutProgressIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{pull: func(ctx context.Context, n int) (int, io.Reader) {
			r, w := io.Pipe()
			context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
			return 200, r
		}}
		began := time.Now()
		_, err := store(t, f, "always").Resolve(t.Context(), Request{Image: "tool:1"}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "pulling failed 3 times: no progress for 10m0s") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 30*time.Minute+3*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWhoeverWantsTheSameImageSharesThePull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := make(chan struct{})
		f := &fakeEngine{pull: func(ctx context.Context, n int) (int, io.Reader) {
			r, w := io.Pipe()
			go func() {
				<-begin
				io.WriteString(w, ok)
				w.Close()
			}()
			return 200, r
		}}
		s := store(t, f, "always")
		leave := errors.New("the first one leaves")
		first, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 3)
		var logs [3]lines
		for i, ctx := range []context.Context{first, t.Context(), t.Context()} {
			request := Request{Image: "tool:1"}
			if i == 2 {
				request.Credentials.Username = "somebody" // else what he may have would be everybody's
			}
			go func() {
				_, err := s.Resolve(ctx, request, &logs[i])
				results <- err
			}()
			synctest.Wait()
		}
		if f.count() != 2 {
			t.Fatalf("%d pulls, want one and one with other credentials", f.count())
		}
		cancel(leave)
		if err := <-results; err != leave {
			t.Errorf("the one that left got %v", err)
		}
		close(begin)
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if !strings.Contains(logs[1].String(), "Pulled image") {
			t.Errorf("the second one's log is %q", logs[1].String())
		}
	})
}

func TestTheLastOneToLeaveEndsThePull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		f := &fakeEngine{pull: func(ctx context.Context, n int) (int, io.Reader) {
			r, w := io.Pipe()
			context.AfterFunc(ctx, func() {
				ended = true
				w.CloseWithError(ctx.Err())
			})
			return 200, r
		}}
		s := store(t, f, "always", "if-not-present")
		cause := errors.New("the job was cancelled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(cause) })
		if _, err := s.Resolve(ctx, Request{Image: "tool:1"}, io.Discard); err != cause {
			t.Errorf("error %v, want %v", err, cause)
		}
		synctest.Wait()
		if !ended || f.count() != 1 {
			t.Errorf("the request ended: %t, %d pulls", ended, f.count())
		}
	})
}

func TestBadRequestsAreToldByName(t *testing.T) {
	s := store(t, &fakeEngine{pull: func(context.Context, int) (int, io.Reader) { return http.StatusOK, strings.NewReader(ok) }}, "never")
	for _, tt := range []struct {
		request Request
		want    string
	}{
		{Request{Image: "Tool:1"}, `image "Tool:1": this is no name of an image`},
		{Request{Image: ""}, `image "": this is no name of an image`},
		{Request{Image: "tool", Platform: "arm64"}, `image tool: platform "arm64" is not os/arch or os/arch/variant`},
	} {
		_, err := s.Resolve(t.Context(), tt.request, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q", tt.request, err, tt.want)
		}
	}
}

func TestAnImageOfAnotherPlatformIsNotUsed(t *testing.T) {
	f := &fakeEngine{local: map[string]bool{"docker.io/library/tool:1": true}}
	_, err := store(t, f, "never").Resolve(t.Context(), Request{Image: "tool:1", Platform: "linux/arm64"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the one on this machine is for linux/amd64, not for linux/arm64") {
		t.Errorf("error %v", err)
	}
}
