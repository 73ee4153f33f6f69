package network

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
)

// Names of the calls, in errors and metrics.
const (
	methodRegister   = "Register"
	methodDeclare    = "Declare"
	methodFetchTask  = "FetchTask"
	methodUpdateTask = "UpdateTask"
	methodUpdateLog  = "UpdateLog"
	methodSummary    = "UploadSummary"
)

const (
	headerUUID         = "x-runner-uuid"
	headerToken        = "x-runner-token"
	headerRequestKey   = "x-runner-request-key"
	headerCapabilities = "X-Gitea-Actions-Capabilities"
)

// Client speaks for one registration. It is small, and safe for concurrent
// use. Calls whose context has no deadline get 30 seconds.
type Client struct {
	endpoint *Endpoint
	uuid     string
	token    common.Secret
}

// UUID is the registration's.
func (c *Client) UUID() string { return c.uuid }

// Endpoint is where the client's calls go.
func (c *Client) Endpoint() *Endpoint { return c.endpoint }

// Declared is what a server says to a declaration.
type Declared struct {
	// Capabilities are what the server offers beyond the protocol
	// ("job-summary"); none with older servers.
	Capabilities []string
	// Supported is false with servers from before Declare (Gitea 1.21): labels
	// are then as they were at the registration.
	Supported bool
}

// Has tells whether the server offers a capability.
func (d Declared) Has(capability string) bool {
	return slices.Contains(d.Capabilities, capability)
}

// Declare replaces version, labels (bare names) and capabilities on the
// server. It may be repeated.
func (c *Client) Declare(ctx context.Context, version string, labels []string) (Declared, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	req := authorized(c, &runnerv1.DeclareRequest{
		Version:      shortVersion(version),
		Labels:       labels,
		Capabilities: []string{capabilityCancelling},
	})
	res, err := c.endpoint.runner.Declare(ctx, req)
	if err == nil {
		return Declared{Capabilities: splitWords(res.Header().Values(headerCapabilities)), Supported: true}, nil
	}
	err = c.endpoint.callError(ctx, methodDeclare, err)
	if Classify(err) == ClassUnimplemented && c.endpoint.Ping(ctx) == nil {
		// Ping is older than Declare. Without an answer to it the 404 is that
		// of a proxy whose server is away, or Actions is switched off.
		return Declared{}, nil
	}
	return Declared{}, err
}

// UpdateTask reports a task's state and outputs. It may be repeated.
func (c *Client) UpdateTask(ctx context.Context, req *runnerv1.UpdateTaskRequest) (*runnerv1.UpdateTaskResponse, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	res, err := c.endpoint.runner.UpdateTask(ctx, authorized(c, req))
	if err != nil {
		return nil, c.endpoint.callError(ctx, methodUpdateTask, err)
	}
	return res.Msg, nil
}

// UpdateLog sends rows. It may be repeated: rows that the server has are
// skipped there.
func (c *Client) UpdateLog(ctx context.Context, req *runnerv1.UpdateLogRequest) (*runnerv1.UpdateLogResponse, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	res, err := c.endpoint.logs.UpdateLog(ctx, authorized(c, req))
	if err != nil {
		return nil, c.endpoint.callError(ctx, methodUpdateLog, err)
	}
	return res.Msg, nil
}

// Verify asks whether the server knows this runner, and changes nothing: it
// sends no row to task 0, which does not exist. A living registration is told
// so, a dead one that it is unregistered (the error is returned).
func (c *Client) Verify(ctx context.Context) error {
	_, err := c.UpdateLog(ctx, &runnerv1.UpdateLogRequest{})
	switch Classify(err) {
	case ClassTaskGone, ClassForeignTask:
		return nil
	}
	return err
}

func authorized[T any](c *Client, msg *T) *connect.Request[T] {
	req := connect.NewRequest(msg)
	c.authorize(req.Header())
	return req
}

func (c *Client) authorize(header http.Header) {
	header.Set(headerUUID, c.uuid)
	header.Set(headerToken, c.token.Reveal())
}

// splitWords splits at commas and white space.
func splitWords(values []string) []string {
	return strings.FieldsFunc(strings.Join(values, ","), func(r rune) bool {
		return r == ',' || r == ' ' || r == '\t'
	})
}
