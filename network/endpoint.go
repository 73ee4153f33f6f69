package network

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"connectrpc.com/connect"
	pingv1 "gitea.dev/actions-proto-go/ping/v1"
	"gitea.dev/actions-proto-go/ping/v1/pingv1connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"gitea.dev/actions-proto-go/runner/v1/runnerv1connect"

	"multirunner/common"
)

const (
	// callTimeout is the time for a call whose context sets none.
	callTimeout = 30 * time.Second
	// A task carries the whole webhook event and all secrets.
	maxAnswerBytes = 64 << 20
	// Below this, compression costs more than it saves.
	gzipFromBytes = 1 << 10
	// capabilityCancelling: the runner keeps running always() and post steps
	// of a cancelled job, and reports the end itself.
	capabilityCancelling = "cancelling"
)

// Endpoint is one server over one transport. All of its registrations share
// it. It is safe for concurrent use.
type Endpoint struct {
	url    string
	wire   *wire
	caSum  [sha256.Size]byte // of the CA file's content; the pool's
	http   *http.Client
	ping   pingv1connect.PingServiceClient
	runner runnerv1connect.RunnerServiceClient
	// logs is the same service with compressed requests: rows compress tenfold.
	logs runnerv1connect.RunnerServiceClient
}

func newEndpoint(base string, transport http.RoundTripper, userAgent string) *Endpoint {
	w := newWire(transport, userAgent)
	client := &http.Client{
		Transport: w,
		// Never followed: a POST would become a GET, and the runner's token
		// would go wherever the answer says.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	api := base + "/api/actions"
	limit := connect.WithReadMaxBytes(maxAnswerBytes)
	return &Endpoint{
		url:    base,
		wire:   w,
		http:   client,
		ping:   pingv1connect.NewPingServiceClient(client, api, limit),
		runner: runnerv1connect.NewRunnerServiceClient(client, api, limit),
		logs: runnerv1connect.NewRunnerServiceClient(client, api, limit,
			connect.WithAcceptCompression(gzipName, newGzipReader, newGzipWriter),
			connect.WithSendCompression(gzipName), connect.WithCompressMinBytes(gzipFromBytes)),
	}
}

const gzipName = "gzip"

func newGzipReader() connect.Decompressor { return new(gzip.Reader) }

// newGzipWriter takes the fastest level: logs become an eighth larger than with
// the usual one, for a seventh of the time.
func newGzipWriter() connect.Compressor {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level exists
	}
	return w
}

// URL is the instance's URL, normalised.
func (e *Endpoint) URL() string { return e.url }

// Client speaks for one registration.
func (e *Endpoint) Client(uuid string, token common.Secret) *Client {
	return &Client{endpoint: e, uuid: uuid, token: token}
}

// Ping asks whether a Gitea or Forgejo instance with Actions answers here. A
// *WrongServerError says that something else does.
func (e *Endpoint) Ping(ctx context.Context) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	_, err := e.ping.Ping(ctx, connect.NewRequest(&pingv1.PingRequest{Data: "runner"}))
	return e.wrongServer(e.callError(ctx, "Ping", err))
}

// RegisterRequest makes a runner of a registration token.
type RegisterRequest struct {
	Token     common.Secret // the registration token
	Name      string
	Version   string   // at most 64 bytes are kept
	Labels    []string // bare names
	Ephemeral bool
}

// Registered is a runner that a server knows. The token is told this once.
type Registered struct {
	UUID  string
	Token common.Secret
	Name  string
	ID    int64
}

// Register makes a new runner on the server. It is not idempotent: when the
// answer is lost a runner stays behind that nobody uses.
func (e *Endpoint) Register(ctx context.Context, r RegisterRequest) (Registered, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	res, err := e.runner.Register(ctx, connect.NewRequest(&runnerv1.RegisterRequest{
		Name:         r.Name,
		Token:        r.Token.Reveal(),
		Version:      shortVersion(r.Version),
		Labels:       r.Labels,
		Ephemeral:    r.Ephemeral,
		Capabilities: []string{capabilityCancelling},
	}))
	if err != nil {
		return Registered{}, e.wrongServer(e.callError(ctx, methodRegister, err))
	}
	runner := res.Msg.GetRunner()
	if runner.GetUuid() == "" || runner.GetToken() == "" {
		return Registered{}, fmt.Errorf("Register at %s: the answer has no uuid or no token", e.url)
	}
	return Registered{
		UUID:  runner.GetUuid(),
		Token: common.NewSecret(runner.GetToken()),
		Name:  runner.GetName(),
		ID:    runner.GetId(),
	}, nil
}

// WrongServerError says that the URL leads to something that is not a Gitea
// or Forgejo instance with Actions.
type WrongServerError struct {
	URL string
	Why string
	Err error // the call's
}

func (e *WrongServerError) Error() string {
	return e.URL + " is not a Gitea or Forgejo instance: " + e.Why
}

func (e *WrongServerError) Unwrap() error { return e.Err }

// wrongServer turns an answer that no instance gives into a *WrongServerError.
func (e *Endpoint) wrongServer(err error) error {
	var response *ResponseError
	switch Classify(err) {
	case ClassUnimplemented:
		return &WrongServerError{URL: e.url, Err: err, Why: "nothing at " + e.url +
			"/api/actions (HTTP 404): the host or the path is wrong, or Actions is switched off there"}
	case ClassWrongServer:
		if errors.As(err, &response) {
			return &WrongServerError{URL: e.url, Err: err, Why: "it answers " + response.Error()}
		}
	}
	return err
}

// shortVersion keeps what the server's column takes (VARCHAR(64)).
func shortVersion(version string) string {
	if len(version) > 64 {
		return version[:64]
	}
	return version
}

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, callTimeout)
}

// callError adds what is known about a failed call; nil stays nil.
func (e *Endpoint) callError(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	return &CallError{Method: method, URL: e.url, cause: context.Cause(ctx), err: shortened(err)}
}

// shortened drops the parts that net/http and connect-go put in front of a
// typed failure: the code that they guessed and the URL, which CallError says.
func shortened(err error) error {
	var response *ResponseError
	if errors.As(err, &response) {
		return response
	}
	var link *url.Error
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
