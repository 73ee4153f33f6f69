package coordinator

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"gitea.dev/actions-proto-go/ping/v1/pingv1connect"
	"gitea.dev/actions-proto-go/runner/v1/runnerv1connect"
)

const maxRequestBytes = 64 << 20

// Handler answers below the path of the server's URL.
func (s *Server) Handler() http.Handler { return resetting(s.handler) }

func (s *Server) newHandler() http.Handler {
	mux := http.NewServeMux()
	intercept := connect.WithInterceptors(connect.UnaryInterceptorFunc(s.authenticate))
	pingPath, ping := pingv1connect.NewPingServiceHandler(service{s})
	runnerPath, runner := runnerv1connect.NewRunnerServiceHandler(service{s}, intercept, connect.WithCompressMinBytes(1024))
	mux.Handle("/api/actions"+pingPath, http.StripPrefix("/api/actions", ping))
	if s.options.Legacy.NoDeclare {
		runner = without(runnerv1connect.RunnerServiceDeclareProcedure, runner)
	}
	mux.Handle("/api/actions"+runnerPath, http.StripPrefix("/api/actions", runner))
	mux.HandleFunc("PUT "+summaryPattern, s.putSummary)
	return http.StripPrefix(s.path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, mux)
	}))
}

func without(procedure string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == procedure {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serve puts counts and faults around a request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	call := Call{RPC: rpcOf(r), UUID: r.Header.Get("x-runner-uuid")}
	s.stats.start(call.RPC)
	s.observe(Observation{Call: call})
	answer := newRecorder()
	status := 0
	defer func() { // also when the connection is aborted
		s.stats.end(call.RPC)
		s.observe(Observation{Call: call, End: true, Status: status})
	}()

	// Read first: net/http notices that a client has gone only when the body
	// has been read.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, "body: "+err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))

	fault := s.faults.take(call)
	if !s.faultBefore(fault, answer, r) {
		next.ServeHTTP(answer, r.WithContext(withFault(r.Context(), fault)))
		s.faultAfter(fault, r.Context())
	}
	status = answer.status
	answer.writeTo(w)
}

func (s *Server) observe(o Observation) {
	if s.options.Observe == nil {
		return
	}
	s.observing.Lock()
	defer s.observing.Unlock()
	o.At = s.now()
	s.options.Observe(o)
}

// faultBefore tells whether the fault has answered.
func (s *Server) faultBefore(fault Fault, w http.ResponseWriter, r *http.Request) bool {
	s.pause(r.Context(), fault.Delay)
	switch {
	case fault.Hang:
		s.hang(r.Context())
	case fault.Reset:
		panic(errReset)
	case fault.DropBefore:
		panic(http.ErrAbortHandler)
	case fault.Status != 0:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(fault.Status)
		_, _ = io.WriteString(w, "<html><h1>"+strconv.Itoa(fault.Status)+" "+http.StatusText(fault.Status)+"</h1></html>")
		return true
	case fault.Expire:
		s.pause(r.Context(), timeoutOf(r))
		writeError(w, r, connect.NewError(connect.CodeDeadlineExceeded, context.DeadlineExceeded))
		return true
	case fault.Err != nil:
		writeError(w, r, fault.Err)
		return true
	}
	return false
}

func (s *Server) faultAfter(fault Fault, ctx context.Context) {
	if !fault.afterwards() {
		return
	}
	s.pause(ctx, fault.DelayAnswer)
	switch {
	case fault.HangAfter:
		s.hang(ctx)
	case fault.ResetAfter:
		panic(errReset)
	case fault.DropAfter:
		panic(http.ErrAbortHandler)
	}
}

// pause waits, but not for a client that has gone, nor longer than the server
// lives.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// hang keeps a request without an answer until the client gives up.
func (s *Server) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.closing:
	}
	panic(http.ErrAbortHandler)
}

func timeoutOf(r *http.Request) time.Duration {
	ms, err := strconv.ParseInt(r.Header.Get("Connect-Timeout-Ms"), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	_ = connect.NewErrorWriter().Write(w, r, err) // into a recorder: it cannot fail
}

func rpcOf(r *http.Request) RPC {
	if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/summary") {
		return Summary
	}
	return RPC(path.Base(r.URL.Path))
}

type callerKey struct{}

// authenticate looks the runner up for all calls but Register.
func (s *Server) authenticate(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if req.Spec().Procedure == runnerv1connect.RunnerServiceRegisterProcedure {
			return next(ctx, req)
		}
		id, err := s.lookup(req.Header().Get("x-runner-uuid"), req.Header().Get("x-runner-token"))
		if err != nil {
			return nil, err
		}
		return next(context.WithValue(ctx, callerKey{}, id), req)
	}
}

func (s *Server) lookup(uuid, token string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.byUUID[uuid]
	if row == nil || row.token != token {
		return 0, errUnregistered()
	}
	row.lastOnline = s.now()
	return row.id, nil
}

// caller gives the authenticated runner: it may have been deleted while its
// request was held.
func (s *Server) caller(ctx context.Context) (*runnerRow, error) {
	id, _ := ctx.Value(callerKey{}).(int64)
	if row := s.runners[id]; row != nil {
		return row, nil
	}
	return nil, errUnregistered()
}
