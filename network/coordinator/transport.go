package coordinator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"syscall"
)

// Transport reaches the server without sockets, whatever host a request names.
// It works inside testing/synctest: each request is a goroutine that the
// server owns and that ends when the request's context does.
func (s *Server) Transport() http.RoundTripper { return memoryTransport{s} }

// Hosts sends requests to the transport of their host, for several servers in
// memory.
type Hosts map[string]http.RoundTripper

// RoundTrip fails for hosts that are not in the map, as a name does that
// cannot be resolved.
func (h Hosts) RoundTrip(req *http.Request) (*http.Response, error) {
	if next, ok := h[req.URL.Host]; ok {
		return next.RoundTrip(req)
	}
	if req.Body != nil {
		req.Body.Close()
	}
	return nil, fmt.Errorf("no such host %q", req.URL.Host)
}

type memoryTransport struct{ s *Server }

type memoryAnswer struct {
	recorder *recorder
	err      error
}

func (t memoryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	s, ctx := t.s, req.Context()
	inner, err := serverRequest(req)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.own() {
		return nil, fmt.Errorf("connect: %w", syscall.ECONNREFUSED)
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	serverCtx, cancel := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, cancel)
	answers := make(chan memoryAnswer, 1)
	go func() {
		defer s.owned.Done()
		defer cancel()
		defer stop()
		answers <- s.serveInMemory(inner.WithContext(serverCtx))
	}()
	select {
	case answer := <-answers:
		return answer.response(req)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serveInMemory turns the ways in which a connection ends into errors.
func (s *Server) serveInMemory(req *http.Request) (answer memoryAnswer) {
	defer func() {
		switch cause := recover(); cause {
		case nil:
		case http.ErrAbortHandler:
			answer = memoryAnswer{err: io.EOF}
		case errReset:
			answer = memoryAnswer{err: fmt.Errorf("read: %w", syscall.ECONNRESET)}
		default:
			panic(cause)
		}
	}()
	rec := newRecorder()
	s.handler.ServeHTTP(rec, req)
	return memoryAnswer{recorder: rec}
}

// serverRequest is the request as a server sees it: nothing is shared with the
// client's.
func serverRequest(req *http.Request) (*http.Request, error) {
	var body []byte
	if req.Body != nil {
		defer req.Body.Close()
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	target, err := url.Parse(req.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	return &http.Request{
		Method:        req.Method,
		URL:           target,
		RequestURI:    req.URL.RequestURI(),
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        req.Header.Clone(),
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Host:          req.URL.Host,
		RemoteAddr:    "memory",
	}, nil
}

func (a memoryAnswer) response(req *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	a.recorder.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", a.recorder.status, http.StatusText(a.recorder.status)),
		StatusCode:    a.recorder.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.recorder.header,
		Body:          io.NopCloser(&a.recorder.body),
		ContentLength: int64(a.recorder.body.Len()),
		Request:       req,
	}, nil
}
