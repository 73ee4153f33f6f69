package images

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
)

// inRegistry puts an image with something of its own into a registry.
func inRegistry(t *testing.T, engine *client.Client, registry *dockertest.Registry, name, text string) (ref, digest string) {
	t.Helper()
	image := dockertest.Custom(t, engine, dockertest.Redis, map[string]string{"/etc/motd": text}, nil)
	ref, digest = registry.Push(t, engine, image, name)
	dockertest.Forget(t, engine, image)
	t.Cleanup(func() { dockertest.Forget(t, engine, ref, strings.SplitN(ref, ":1", 2)[0]+"@"+digest) })
	return ref, digest
}

func realStore(engine *client.Client, set func(*Options)) *Store {
	o := Options{Engine: engine}
	if set != nil {
		set(&o)
	}
	return New(o)
}

func TestARealPullGivesTheImageAndItsConfiguration(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := dockertest.NewRegistry(t, false)
	ref, digest := inRegistry(t, engine, registry, "team/redis:1", t.Name())
	var log lines
	image, err := realStore(engine, nil).Resolve(t.Context(), Request{Image: ref}, &log)
	if err != nil {
		t.Fatal(err)
	}
	if image.Digest != digest || image.Ref != ref || image.OS != "linux" || image.WorkDir != "/data" || !image.HealthCheck ||
		strings.Join(image.Ports, " ") != "6379/tcp" || strings.Join(image.Volumes, " ") != "/data" || image.Cmd[0] != "redis-server" ||
		!strings.HasPrefix(image.ID, "sha256:") || !strings.HasPrefix(strings.Join(image.Env, " "), "PATH=") {
		t.Errorf("image %+v", image)
	}
	if !strings.HasPrefix(log.String(), "Pulling image "+ref+"\n") || !strings.Contains(log.String(), "Pulled image") {
		t.Errorf("log %s", log.String())
	}

	// A tag that moves is followed by always, and not by if-not-present; what was
	// given before is an image still.
	moved, _ := inRegistry(t, engine, registry, "team/redis:1", "moved")
	if moved != ref {
		t.Fatalf("%s is not %s", moved, ref)
	}
	if _, err := engine.ImageTag(t.Context(), client.ImageTagOptions{Source: image.ID, Target: ref}); err != nil {
		t.Fatal(err)
	}
	kept, err := realStore(engine, func(o *Options) { o.Policy = common.PullPolicy{"if-not-present"} }).Resolve(t.Context(), Request{Image: ref}, io.Discard)
	if err != nil || kept.ID != image.ID {
		t.Errorf("if-not-present gives %v, %v", kept, err)
	}
	newer, err := realStore(engine, func(o *Options) { o.Policy = common.PullPolicy{"always"} }).Resolve(t.Context(), Request{Image: ref}, io.Discard)
	if err != nil || newer.ID == image.ID {
		t.Errorf("always gives %v, %v", newer, err)
	}

	// A digest says which one.
	pinned, err := realStore(engine, nil).Resolve(t.Context(), Request{Image: registry.Host + "/team/redis@" + digest}, io.Discard)
	if err != nil || pinned.ID != image.ID {
		t.Errorf("the digest gives %v, %v", pinned, err)
	}
}

func TestARealRegistryRefuses(t *testing.T) {
	engine := dockertest.Engine(t)
	public, private := dockertest.NewRegistry(t, false), dockertest.NewRegistry(t, true)
	there, _ := inRegistry(t, engine, public, "team/tool:1", t.Name())
	secret, _ := inRegistry(t, engine, private, "team/tool:1", t.Name())
	good := []common.JobRegistry{{Server: private.Host, Username: dockertest.RegistryUser, Password: dockertest.RegistryPassword}}
	for _, tt := range []struct {
		name       string
		image      string
		own        Credentials
		registries []common.JobRegistry
		platform   string
		want       string // in the error; "" is success
	}{
		{name: "no such tag", image: there[:len(there)-1] + "2", want: "manifest unknown"},
		{name: "no such repository", image: public.Host + "/team/nothing:1", want: "not found"},
		{name: "no such digest", image: public.Host + "/team/tool@sha256:" + strings.Repeat("0", 64), want: "manifest unknown"},
		{name: "another platform", image: there, platform: "linux/s390x", want: "linux/s390x"},
		{name: "no credentials", image: secret, want: "no basic auth credentials"},
		{name: "wrong credentials", image: secret, own: Credentials{"tester", common.NewSecret("guess")}, registries: good, want: "unauthorized"},
		{name: "the configuration's", image: secret, registries: good},
		{name: "the workflow's", image: secret, own: Credentials{dockertest.RegistryUser, common.NewSecret(dockertest.RegistryPassword)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dockertest.Forget(t, engine, there, secret)
			s := realStore(engine, func(o *Options) { o.Policy, o.Registries = common.PullPolicy{"always"}, tt.registries })
			var log lines
			began := time.Now()
			image, err := s.Resolve(t.Context(), Request{Image: tt.image, Platform: tt.platform, Credentials: tt.own}, &log)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("it gives %v, %v; want %q", image, err, tt.want)
			}
			if strings.Contains(log.String(), "try 2") {
				t.Errorf("it was tried again, %s: %s", time.Since(began), log.String())
			}
		})
	}
}

func TestWhatIsHereServesWhileTheRegistryIsAway(t *testing.T) {
	engine := dockertest.Engine(t)
	here := dockertest.Image(t, engine, dockertest.Busybox)
	gone := httptest.NewServer(nil)
	host := strings.TrimPrefix(gone.URL, "http://")
	gone.Close()
	ref := host + "/team/tool:1"
	if _, err := engine.ImageTag(t.Context(), client.ImageTagOptions{Source: here, Target: ref}); err != nil {
		t.Fatal(err)
	}
	defer dockertest.Forget(t, engine, ref)
	var log lines
	image, err := realStore(engine, nil).Resolve(t.Context(), Request{Image: ref}, &log)
	if err != nil || strings.Count(log.String(), "connection refused") != 3 || !strings.Contains(log.String(), "which is here already") {
		t.Errorf("%v, %v; log:\n%s", image, err, log.String())
	}
	if _, err := realStore(engine, nil).Resolve(t.Context(), Request{Image: host + "/team/other:1"}, io.Discard); err == nil {
		t.Error("an image that is nowhere was found")
	}
}

// slow is a registry whose layers trickle and never come to an end.
func slow(t *testing.T, registry *dockertest.Registry) (host string, begun, ended <-chan struct{}) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry.Host})
	begins, ends, stop := make(chan struct{}, 10), make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/blobs/") || r.Method != http.MethodGet {
			proxy.ServeHTTP(w, r)
			return
		}
		begins <- struct{}{}
		w.Header().Set("Content-Length", "1000000")
		w.WriteHeader(http.StatusOK)
		for tick := time.Tick(20 * time.Millisecond); ; {
			select {
			case <-r.Context().Done():
				ends <- struct{}{}
				return
			case <-stop:
				return
			case <-tick:
				w.Write([]byte("."))
				w.(http.Flusher).Flush()
			}
		}
	}))
	t.Cleanup(func() {
		close(stop)
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://"), begins, ends
}

func TestARealPullThatIsCancelledEnds(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := dockertest.NewRegistry(t, false)
	ref, _ := inRegistry(t, engine, registry, "team/tool:1", t.Name()+time.Now().String()+string(rune('a'+rand.IntN(26))))
	host, begun, ended := slow(t, registry)
	cause := errors.New("cancelled")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := realStore(engine, nil).Resolve(ctx, Request{Image: strings.Replace(ref, registry.Host, host, 1)}, io.Discard)
		failed <- err
	}()
	select {
	case <-begun:
	case err := <-failed:
		t.Fatal(err)
	}
	began := time.Now()
	cancel(cause)
	if err := <-failed; err != cause || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
	select {
	case <-ended: // the engine's own request too
	case <-time.After(20 * time.Second):
		t.Error("the engine goes on with the pull")
	}
}
