package network

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect"
)

// ErrPatience is the cause with which a FetchTask ends that was not answered
// in the time that the client waits for it.
var ErrPatience = errors.New("no answer within the patience of this poll")

// CallError is a call that failed. Classify tells what it means.
type CallError struct {
	Method string // "FetchTask", …
	URL    string // the instance
	cause  error  // why the call's own context is done, or nil
	err    error
}

func (e *CallError) Error() string {
	err := e.err
	if e.cause != nil && !errors.Is(err, e.cause) && !connect.IsWireError(err) {
		err = e.cause
	}
	return fmt.Sprintf("%s at %s: %v", e.Method, e.URL, err)
}

// Unwrap gives the failure, and the cause when the context ended the call.
func (e *CallError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.err}
	}
	return []error{e.err, e.cause}
}

// Class is what an error of a call means for the caller.
type Class int

const (
	ClassNone          Class = iota // no error
	ClassUnregistered               // the server does not know this runner (any more)
	ClassTaskGone                   // the task does not exist (any more)
	ClassForeignTask                // the task belongs to another runner
	ClassArchived                   // the task's log is closed
	ClassUnimplemented              // no such procedure at this address
	ClassBusy                       // the server, or the proxy before it, asks for less
	ClassExpired                    // the server's deadline for the call passed
	ClassPatience                   // our own patience with a poll passed
	ClassTransport                  // no answer, or half of one
	ClassInternal                   // the server failed
	ClassTooLarge                   // the request is larger than a proxy lets through
	ClassWrongServer                // something answers that does not speak the protocol
	ClassCanceled                   // the caller ended the call
	ClassPermanent                  // the request itself is refused
)

func (c Class) String() string {
	if c < 0 || int(c) >= len(classes) {
		return "unknown"
	}
	return classes[c].name
}

// Retryable tells whether the same request may succeed later.
func (c Class) Retryable() bool {
	return c >= 0 && int(c) < len(classes) && classes[c].retryable
}

// Reason says why the class is retryable, or why not.
func (c Class) Reason() string {
	if c < 0 || int(c) >= len(classes) {
		return ""
	}
	return classes[c].reason
}

// classes is the one place that decides what is tried again.
var classes = [...]struct {
	name      string
	retryable bool
	reason    string
}{
	ClassNone:          {"none", false, "nothing is left to do"},
	ClassUnregistered:  {"unregistered", false, "the row of this runner is deleted or its token replaced; only an operator changes that"},
	ClassTaskGone:      {"task gone", false, "its run was deleted; ids are never used again"},
	ClassForeignTask:   {"foreign task", false, "a task never changes its runner"},
	ClassArchived:      {"archived", false, "an archived log takes no rows"},
	ClassUnimplemented: {"unimplemented", true, "some proxies answer this 404 while their backend restarts"},
	ClassBusy:          {"busy", true, "it passes with the load"},
	ClassExpired:       {"expired", true, "the next one has a deadline of its own"},
	ClassPatience:      {"patience", true, "the server may hang only for this one"},
	ClassTransport:     {"transport", true, "networks come back, certificates are renewed"},
	ClassInternal:      {"internal", true, "database busy, storage full, restart; a load balancer's reset stream comes as this too"},
	ClassTooLarge:      {"too large", false, "the same request meets the same limit; a smaller one passes"},
	ClassWrongServer:   {"wrong server", true, "maintenance pages and login pages of proxies go away"},
	ClassCanceled:      {"canceled", false, "whoever cancelled it does not want it"},
	ClassPermanent:     {"permanent", false, "the same request gets the same refusal"},
}

// failure is what is known about a failed call.
type failure struct {
	method   string
	code     connect.Code // of the server's answer; 0 without one
	text     string       // its message, in lower case
	response *ResponseError
	sentOnly bool  // a transport error
	cause    error // why our context is done
}

// Classify gives the meaning of an error of this package's calls. Errors of
// other origins are ClassInternal.
func Classify(err error) Class {
	if err == nil {
		return ClassNone
	}
	f := failureOf(err)
	for _, rule := range rules {
		if rule.match(f) {
			return rule.class
		}
	}
	return ClassInternal
}

func failureOf(err error) failure {
	var f failure
	var call *CallError
	if errors.As(err, &call) {
		f.method, f.cause = call.Method, call.cause
	}
	errors.As(err, &f.response)
	var transport *TransportError
	f.sentOnly = errors.As(err, &transport)
	var answer *connect.Error
	if errors.As(err, &answer) && connect.IsWireError(err) {
		f.code, f.text = answer.Code(), strings.ToLower(answer.Message())
	}
	return f
}

func (f failure) says(parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(f.text, part) {
			return true
		}
	}
	return false
}

func (f failure) coded(codes ...connect.Code) bool {
	for _, code := range codes {
		if f.code == code {
			return true
		}
	}
	return false
}

func (f failure) status(statuses ...int) bool {
	for _, status := range statuses {
		if f.response != nil && f.response.Status == status {
			return true
		}
	}
	return false
}

// ofCloudflare tells whether that proxy says, in statuses of its own, that it
// does not reach the server.
func (f failure) ofCloudflare() bool {
	return f.response != nil && f.response.Status >= 520 && f.response.Status <= 530
}

// rules are tried in order. The server's own words come first: what it said is
// true also when our context ended meanwhile. Gitea wraps its errors in a form
// that connect-go does not know, so that nearly all arrive as "unknown" and
// only the text tells them apart.
var rules = []struct {
	class Class
	match func(failure) bool
}{
	{ClassUnregistered, func(f failure) bool {
		return f.coded(connect.CodeUnauthenticated) ||
			f.says("code = unauthenticated", "unregistered runner", "runner has been removed")
	}},
	{ClassArchived, func(f failure) bool {
		return f.method == methodUpdateLog && f.says("log file has been archived", "code = alreadyexists")
	}},
	{ClassForeignTask, func(f failure) bool { return f.says("invalid runner for task") }},
	{ClassTaskGone, func(f failure) bool {
		return (f.method == methodUpdateLog || f.method == methodUpdateTask) && f.says("resource does not exist")
	}},
	{ClassExpired, func(f failure) bool {
		return f.coded(connect.CodeDeadlineExceeded) || f.says("context deadline exceeded")
	}},
	{ClassBusy, func(f failure) bool {
		return f.coded(connect.CodeResourceExhausted, connect.CodeUnavailable, connect.CodeAborted)
	}},
	{ClassUnimplemented, func(f failure) bool { return f.coded(connect.CodeUnimplemented) }},
	{ClassPermanent, func(f failure) bool {
		return f.coded(connect.CodeInvalidArgument, connect.CodePermissionDenied, connect.CodeNotFound,
			connect.CodeAlreadyExists, connect.CodeFailedPrecondition, connect.CodeOutOfRange)
	}},
	{ClassPermanent, func(f failure) bool { // refusals of a registration, all "unknown"
		return f.method == methodRegister && f.says("runner token", "registration token", "of the token not found")
	}},
	{ClassInternal, func(f failure) bool { return f.code != 0 }},

	{ClassBusy, func(f failure) bool {
		return f.status(http.StatusTooManyRequests, http.StatusRequestTimeout,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout) || f.ofCloudflare()
	}},
	{ClassTooLarge, func(f failure) bool { return f.status(http.StatusRequestEntityTooLarge) }},
	{ClassPermanent, func(f failure) bool { // the summary interface speaks plain HTTP
		return f.method == methodSummary && f.response != nil &&
			(f.response.Status < 500 || strings.Contains(f.response.Text, "not running"))
	}},
	{ClassUnimplemented, func(f failure) bool { return f.status(http.StatusNotFound) }},
	{ClassInternal, func(f failure) bool { return f.response != nil && f.response.Status >= 500 }},
	{ClassWrongServer, func(f failure) bool { return f.response != nil }},

	{ClassPatience, func(f failure) bool { return errors.Is(f.cause, ErrPatience) }},
	{ClassTransport, func(f failure) bool { return errors.Is(f.cause, context.DeadlineExceeded) }},
	{ClassCanceled, func(f failure) bool { return f.cause != nil }},
	{ClassTransport, func(f failure) bool { return f.sentOnly }},
}
