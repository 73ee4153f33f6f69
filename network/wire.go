package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"gitea.dev/actions-proto-go/runner/v1/runnerv1connect"
)

const (
	snippetBytes = 300      // of a foreign answer, for the message
	errorBytes   = 64 << 10 // of an error in JSON
	// Servers and proxies close connections that were idle for some seconds. A
	// request that crosses with that fails within a round trip; what fails later
	// the server may have worked on.
	staleWithin = time.Second
)

// TransportError is a request that got no answer, or only a part of one.
type TransportError struct {
	// Sent tells whether the whole request had been written. Then the server
	// may have acted on it: a task may be claimed for us that we never saw.
	Sent bool
	Err  error
}

func (e *TransportError) Error() string { return e.Err.Error() }
func (e *TransportError) Unwrap() error { return e.Err }

// ResponseError is an answer that the protocol does not know: of a proxy, of
// another program at this address, or of an HTTP interface of the server.
type ResponseError struct {
	Status      int
	ContentType string
	Location    string // of a redirect
	Text        string // the beginning of the body, when it is plain text or JSON
}

func (e *ResponseError) Error() string {
	text := strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.Status, http.StatusText(e.Status)))
	switch {
	case e.Location != "":
		return text + " to " + e.Location + ": redirects are not followed, configure the URL that it leads to"
	case e.Text != "":
		return text + ": " + e.Text
	case e.ContentType != "":
		return text + " with " + e.ContentType
	}
	return text
}

// RequestSent tells whether err left it open if the server acted on the
// request: it was, or may have been, written, and the answer did not come, or
// came from a proxy that did not get the server's.
func RequestSent(err error) bool {
	var transport *TransportError
	if errors.As(err, &transport) {
		return transport.Sent
	}
	var response *ResponseError
	if errors.As(err, &response) {
		switch response.Status {
		case http.StatusGatewayTimeout, cloudflareEmpty, cloudflareTimeout:
			return true
		}
		return false // a 502 or 503 is mostly of a server that took no connection
	}
	switch Classify(err) {
	case ClassPatience, ClassTransport, ClassCanceled:
		return true // our context ended the call: how far it was is not known
	case ClassExpired:
		return true // of a server that may have committed before, or of a proxy
	}
	return false
}

// Statuses of Cloudflare for a server that took the request: its answer was
// none, or did not come in time.
const (
	cloudflareEmpty   = 520
	cloudflareTimeout = 524
)

// wire stands between the protocol's client and the transport. It gives
// failures a type where they happen: later they are only text (connect-go,
// for one, reports a reset connection as cancelled).
type wire struct {
	next      atomic.Pointer[http.RoundTripper]
	userAgent string
}

func newWire(next http.RoundTripper, userAgent string) *wire {
	w := &wire{userAgent: userAgent}
	w.next.Store(&next)
	return w
}

// use makes the requests from now on go over another transport. Those under way
// end over theirs.
func (w *wire) use(next http.RoundTripper) {
	closeIdle(*w.next.Swap(&next))
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	res, how, err := w.attempt(req)
	if err != nil && how.stale() && time.Since(began) < staleWithin && mayRepeat(req) {
		if again, ok := rewound(req); ok {
			first := how
			res, how, err = w.attempt(again)
			how.sent = how.sent || first.sent
		}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // connect-go would replace the whole error for it
	}
	if err != nil {
		return nil, &TransportError{Sent: how.sent, Err: err}
	}
	if isRPC(req) && !isConnectAnswer(res) {
		defer res.Body.Close()
		return nil, responseError(res)
	}
	res.Body = &wireBody{ReadCloser: res.Body}
	return res, nil
}

// attempted is how far an attempt came.
type attempted struct {
	sent     bool // the whole request was written
	reused   bool // over a connection that had been idle
	answered bool // the first byte of an answer came
}

// stale tells whether a failed attempt may have met a connection that the
// server had closed meanwhile.
func (a attempted) stale() bool { return a.reused && !a.answered }

func (w *wire) attempt(req *http.Request) (*http.Response, attempted, error) {
	var sent, reused, answered atomic.Bool
	trace := &httptrace.ClientTrace{
		// A connection that fails may be replaced and the request sent again:
		// the last word counts.
		GotConn:              func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		WroteRequest:         func(info httptrace.WroteRequestInfo) { sent.Store(info.Err == nil) },
		GotFirstResponseByte: func() { answered.Store(true) },
	}
	traced := req.Clone(httptrace.WithClientTrace(req.Context(), trace)) // the caller's stays as it is
	traced.Header.Set("User-Agent", w.userAgent)
	res, err := (*w.next.Load()).RoundTrip(traced)
	return res, attempted{sent.Load(), reused.Load(), answered.Load()}, err
}

// mayRepeat tells whether a call may be sent twice, which net/http cannot know
// of a POST. A poll may: a task that the first one was given is lost either way,
// or comes again by its request key.
func mayRepeat(req *http.Request) bool {
	return req.Context().Err() == nil && !strings.HasSuffix(req.URL.Path, runnerv1connect.RunnerServiceRegisterProcedure)
}

// rewound is the request with its body from the start.
func rewound(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	again := *req
	again.Body = body
	return &again, true
}

// CloseIdleConnections is what http.Client looks for.
func (w *wire) CloseIdleConnections() { closeIdle(*w.next.Load()) }

func closeIdle(transport http.RoundTripper) {
	if c, ok := transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func isRPC(req *http.Request) bool {
	return strings.HasPrefix(req.Header.Get("Content-Type"), "application/proto")
}

// isConnectAnswer tells whether the protocol's handler wrote the answer: it is
// protobuf with 200, and JSON with a code otherwise. What a proxy says in JSON
// has no such code, and must not pass for the server's word.
func isConnectAnswer(res *http.Response) bool {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return false
	}
	if res.StatusCode == http.StatusOK {
		return kind == "application/proto"
	}
	return kind == "application/json" && hasCode(res)
}

// hasCode looks for the code of a Connect error in the body, and leaves the
// body to be read again.
func hasCode(res *http.Response) bool {
	if res.Header.Get("Content-Encoding") != "" {
		return true // only the protocol's handler compresses its errors
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, errorBytes))
	rest := res.Body
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	if err != nil {
		return false
	}
	var wireError struct {
		Code connect.Code `json:"code"`
	}
	return json.Unmarshal(body, &wireError) == nil && wireError.Code != 0
}

func responseError(res *http.Response) *ResponseError {
	e := &ResponseError{Status: res.StatusCode, ContentType: res.Header.Get("Content-Type")}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		e.Location = res.Header.Get("Location")
	}
	kind, _, _ := mime.ParseMediaType(e.ContentType)
	if kind != "text/plain" && kind != "application/json" {
		return e
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, snippetBytes))
	if err == nil {
		e.Text = strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	}
	return e
}

// wireBody types the failures in the middle of an answer. It also ends one that
// goes on and on: connect-go keeps no more than its limit of it, but reads it
// to the end.
type wireBody struct {
	io.ReadCloser
	read int64
}

func (b *wireBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if b.read > 2*maxAnswerBytes {
		return n, fmt.Errorf("the answer is larger than %d MiB", maxAnswerBytes>>20)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &TransportError{Sent: true, Err: err}
	}
	return n, err
}
