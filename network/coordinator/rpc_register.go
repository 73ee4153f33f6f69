package coordinator

import (
	"context"
	"errors"
	"slices"
	"strings"

	"connectrpc.com/connect"
	pingv1 "gitea.dev/actions-proto-go/ping/v1"
	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
)

// Errors leave a server in a form that connect-go does not know: plain text
// with code "unknown" and HTTP 500, whatever the text says.
func wrapped(code, text string) error {
	return errors.New("rpc error: code = " + code + " desc = " + text)
}

func errUnregistered() error { return wrapped("Unauthenticated", "unregistered runner") }

// service answers the two services of the protocol.
type service struct{ s *Server }

// Ping greets. It needs no runner.
func (v service) Ping(_ context.Context, req *connect.Request[pingv1.PingRequest]) (*connect.Response[pingv1.PingResponse], error) {
	return connect.NewResponse(&pingv1.PingResponse{Data: "Hello, " + req.Msg.GetData() + "!"}), nil
}

// Register makes a runner, each time a new one.
func (v service) Register(_ context.Context, req *connect.Request[runnerv1.RegisterRequest]) (*connect.Response[runnerv1.RegisterResponse], error) {
	msg := req.Msg
	if msg.GetToken() == "" || msg.GetName() == "" {
		return nil, errors.New("missing runner token, name")
	}
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	token := s.tokens[msg.GetToken()]
	if token == nil {
		return nil, errors.New("runner registration token not found")
	}
	if !token.active {
		return nil, errors.New("runner registration token has been invalidated, please use the latest one")
	}
	row := s.addRunner(RunnerSpec{
		Name:         msg.GetName(),
		Scope:        token.scope,
		Labels:       msg.GetLabels(),
		Capabilities: msg.GetCapabilities(),
		Ephemeral:    msg.GetEphemeral(),
	})
	row.version = msg.GetVersion()
	answer := row.message()
	answer.Token = row.token
	return connect.NewResponse(&runnerv1.RegisterResponse{Runner: answer}), nil
}

// Declare replaces version, labels and capabilities. The tasks version stays.
func (v service) Declare(ctx context.Context, req *connect.Request[runnerv1.DeclareRequest]) (*connect.Response[runnerv1.DeclareResponse], error) {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	row, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	row.version = req.Msg.GetVersion()
	row.labels = slices.Clone(req.Msg.GetLabels())
	row.capabilities = slices.Clone(req.Msg.GetCapabilities())
	answer := row.message()
	answer.Ephemeral = false // not told here
	res := connect.NewResponse(&runnerv1.DeclareResponse{Runner: answer})
	if len(s.options.Capabilities) > 0 {
		res.Header().Set("X-Gitea-Actions-Capabilities", strings.Join(s.options.Capabilities, ","))
	}
	return res, nil
}

// message is the runner without its token.
func (r *runnerRow) message() *runnerv1.Runner {
	return &runnerv1.Runner{
		Id:        r.id,
		Uuid:      r.uuid,
		Name:      r.name,
		Version:   r.version,
		Labels:    slices.Clone(r.labels),
		Ephemeral: r.ephemeral,
	}
}
