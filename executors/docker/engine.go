package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"multirunner/helpers/backoff"
)

const (
	// reachTimeout is what an engine may take to say that it is there.
	reachTimeout = 2 * time.Second
	// reachedFor is how long an answer counts: every poll wants to know.
	reachedFor = 5 * time.Second
	// retryMin and retryMax bound the gaps between questions to an engine that
	// is away.
	retryMin = time.Second
	retryMax = time.Minute
	jitter   = 0.2
)

// userAgent is what engines have in their logs.
const userAgent = "multirunner"

// engine is the connection to one engine. Its methods are safe for concurrent
// use.
type engine struct {
	host string
	*client.Client

	now  func() time.Time
	ping func(ctx context.Context, again bool) error
	info func(ctx context.Context) (engineInfo, error)

	mu       sync.Mutex
	asking   chan struct{} // closed when the question that is open has its answer
	askAgain time.Time     // what is known holds until then
	err      error         // the last answer
	known    engineInfo
	reached  bool // it has answered once
	retry    *backoff.Backoff
}

// engineInfo is what is asked of an engine besides its life.
type engineInfo struct {
	Root   string // where it keeps its data, on its machine
	System string // linux, windows
	Name   string // of its machine
}

// engineHost gives the address of the engine that a configuration means:
// itself, else DOCKER_HOST, else the system's socket, or the user's own where
// only that exists.
func engineHost(configured string, getenv func(string) string) string {
	if configured != "" {
		return configured
	}
	if host := getenv("DOCKER_HOST"); host != "" {
		return host
	}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" && runtime.GOOS != "windows" {
		own := filepath.Join(dir, "docker.sock")
		_, err := os.Stat(strings.TrimPrefix(client.DefaultDockerHost, "unix://"))
		if _, ownErr := os.Stat(own); errors.Is(err, fs.ErrNotExist) && ownErr == nil {
			return "unix://" + own
		}
	}
	return client.DefaultDockerHost
}

// newEngine makes the connection; it sends nothing. TLS is by DOCKER_CERT_PATH
// and DOCKER_TLS_VERIFY.
func newEngine(host string, rand func() float64) (*engine, error) {
	scheme, _, ok := strings.Cut(host, "://")
	if !ok {
		return nil, fmt.Errorf("docker host %q: an address like unix:///var/run/docker.sock or tcp://host:2376 is wanted", host)
	}
	options := []client.Opt{client.WithHost(host), client.WithUserAgent(userAgent)}
	switch scheme {
	case "tcp", "http", "https":
		options = append(options, client.WithTLSClientConfigFromEnv())
	case "unix", "npipe":
	default:
		return nil, fmt.Errorf("docker host %q: scheme %s is not supported, only unix, npipe and tcp are: forward the engine's socket, and name that", host, scheme)
	}
	c, err := client.New(options...)
	if err != nil {
		return nil, fmt.Errorf("docker host %q: %w", host, err)
	}
	e := &engine{host: host, Client: c, now: time.Now, retry: backoff.New(retryMin, retryMax, jitter, rand)}
	e.ping, e.info = e.askPing, e.askInfo
	return e, nil
}

func (e *engine) askPing(ctx context.Context, again bool) error {
	_, err := e.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true, ForceNegotiate: again})
	return err
}

func (e *engine) askInfo(ctx context.Context) (engineInfo, error) {
	result, err := e.Info(ctx, client.InfoOptions{})
	return engineInfo{Root: result.Info.DockerRootDir, System: result.Info.OSType, Name: result.Info.Name}, err
}

// reach tells whether the engine answers, from memory where that is fresh: for
// 5 s after an answer; for 1 s to 1 min, growing, after none. One question is
// open at a time, for 2 s at most.
func (e *engine) reach(ctx context.Context) (engineInfo, error) {
	for {
		e.mu.Lock()
		if e.now().Before(e.askAgain) {
			defer e.mu.Unlock()
			return e.known, e.err
		}
		asking := e.asking
		if asking == nil {
			asking = make(chan struct{})
			e.asking = asking
			again, known := e.err != nil, e.known
			e.mu.Unlock()
			e.answer(e.ask(ctx, again, known))
			close(asking)
			continue
		}
		e.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return engineInfo{}, context.Cause(ctx)
		}
	}
}

// ask is not ended by its caller: others wait for the answer, too. What the
// engine has told of itself counts until it was away.
func (e *engine) ask(ctx context.Context, again bool, known engineInfo) (engineInfo, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), reachTimeout, errSlow)
	defer cancel()
	err := e.ping(ctx, again)
	if err != nil {
		return engineInfo{}, e.explain(ctx, err)
	}
	if known.Root != "" && !again {
		return known, nil
	}
	info, err := e.info(ctx)
	if err != nil {
		return engineInfo{}, e.explain(ctx, err)
	}
	return info, nil
}

var errSlow = fmt.Errorf("no answer within %s", reachTimeout)

func (e *engine) answer(info engineInfo, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asking = nil
	e.err = err
	if err != nil {
		e.askAgain = e.now().Add(e.retry.Next())
		return
	}
	e.known, e.reached = info, true
	e.retry.Reset()
	e.askAgain = e.now().Add(reachedFor)
}

// wasReached tells whether the engine has answered to this process before.
func (e *engine) wasReached() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reached
}

// explain says of an error for people what is the matter and what to do.
func (e *engine) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errdefs.IsInvalidArgument(err) && strings.Contains(err.Error(), "API version") {
		return fmt.Errorf("the container engine at %s is too old: %w: Docker 19.03 is the first that has it", e.host, err)
	}
	if errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "permission denied") {
		return fmt.Errorf("the container engine at %s does not let this user in: %w: add the user to the group of the socket (docker), or set [runners.docker] host", e.host, err)
	}
	return fmt.Errorf("the container engine at %s cannot be reached: %w", e.host, err)
}

// socketPath is the file of the engine's socket, "" where it has none.
func (e *engine) socketPath() string { return socketPath(e.host) }

func socketPath(host string) string {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return ""
	}
	return path
}

// present tells whether there may be an engine at all, without a question to
// it: one whose socket is missing is not installed, or not for this user. One
// that is only away for a while is none of the kind.
func present(ctx context.Context, host string) error {
	path := socketPath(host)
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no container engine: %s does not exist: install one, or name its socket in [runners.docker] host", path)
	case err != nil:
		return fmt.Errorf("container engine: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("container engine: %s is not a socket", path)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return conn.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("this user may not use the container engine at %s: add the user to the group of the socket (docker), or name another engine in [runners.docker] host", path)
	}
	return nil // it may be starting
}
