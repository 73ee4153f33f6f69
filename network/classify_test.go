package network_test

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/common"
	"multirunner/network"
)

// rpcError is an error as the protocol's handler writes it.
func rpcError(status int, code, message string) roundTripper {
	return answering(status, "application/json", `{"code":"`+code+`","message":"`+message+`"}`)
}

func failing(err error) roundTripper {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func TestErrorsAreClassified(t *testing.T) {
	const wrapped = "rpc error: code = Internal desc = "
	for name, test := range map[string]struct {
		method string
		answer roundTripper
		want   network.Class
		retry  bool
	}{
		"wrapped unauthenticated":  {"FetchTask", rpcError(500, "unknown", "rpc error: code = Unauthenticated desc = unregistered runner"), network.ClassUnregistered, false},
		"true unauthenticated":     {"FetchTask", rpcError(401, "unauthenticated", "no"), network.ClassUnregistered, false},
		"401 of a proxy":           {"FetchTask", answering(401, "text/html", "<html>"), network.ClassWrongServer, true},
		"401 of a proxy in JSON":   {"FetchTask", answering(401, "application/json", `{"message":"log in"}`), network.ClassWrongServer, true},
		"ephemeral used":           {"FetchTask", rpcError(500, "unknown", wrapped+"pick task: runner has been removed"), network.ClassUnregistered, false},
		"task gone, state":         {"UpdateTask", rpcError(500, "unknown", wrapped+"update task: resource does not exist"), network.ClassTaskGone, false},
		"task gone, log":           {"UpdateLog", rpcError(500, "unknown", wrapped+"get task: task with id 7: resource does not exist"), network.ClassTaskGone, false},
		"nothing gone in a poll":   {"FetchTask", rpcError(500, "unknown", wrapped+"pick task: resource does not exist"), network.ClassInternal, true},
		"foreign task":             {"UpdateTask", rpcError(500, "unknown", wrapped+"update task: invalid runner for task"), network.ClassForeignTask, false},
		"archived":                 {"UpdateLog", rpcError(500, "unknown", "rpc error: code = AlreadyExists desc = log file has been archived"), network.ClassArchived, false},
		"database":                 {"UpdateTask", rpcError(500, "unknown", wrapped+"database is locked"), network.ClassInternal, true},
		"internal":                 {"UpdateTask", rpcError(500, "internal", "x"), network.ClassInternal, true},
		"no such procedure":        {"FetchTask", answering(404, "text/plain", "404 page not found"), network.ClassUnimplemented, true},
		"unimplemented":            {"FetchTask", rpcError(501, "unimplemented", "x"), network.ClassUnimplemented, true},
		"rate limit":               {"FetchTask", answering(429, "text/plain", "slow down"), network.ClassBusy, true},
		"rate limit by code":       {"FetchTask", rpcError(429, "resource_exhausted", "x"), network.ClassBusy, true},
		"gateway 502":              {"UpdateLog", answering(502, "text/html", "x"), network.ClassBusy, true},
		"gateway 503":              {"UpdateLog", answering(503, "", ""), network.ClassBusy, true},
		"gateway 504":              {"UpdateLog", answering(504, "text/html", "x"), network.ClassBusy, true},
		"gateway 408":              {"UpdateLog", answering(408, "text/html", "x"), network.ClassBusy, true},
		"gateway 522":              {"FetchTask", answering(522, "text/html", "x"), network.ClassBusy, true},
		"500 of a proxy":           {"UpdateLog", answering(500, "text/html", "x"), network.ClassInternal, true},
		"server deadline":          {"FetchTask", rpcError(504, "deadline_exceeded", "context deadline exceeded"), network.ClassExpired, true},
		"server deadline, wrapped": {"FetchTask", rpcError(500, "unknown", wrapped+"pick task: context deadline exceeded"), network.ClassExpired, true},
		"too large for the proxy":  {"UpdateLog", answering(413, "text/html", "x"), network.ClassTooLarge, false},
		"maintenance page":         {"UpdateTask", answering(200, "text/html", "x"), network.ClassWrongServer, true},
		"redirect":                 {"UpdateTask", answering(302, "text/html", "x"), network.ClassWrongServer, true},
		"refused":                  {"Register", rpcError(500, "unknown", "runner registration token not found"), network.ClassPermanent, false},
		"token superseded":         {"Register", rpcError(500, "unknown", "runner registration token has been invalidated, please use the latest one"), network.ClassPermanent, false},
		"name missing":             {"Register", rpcError(500, "unknown", "missing runner token, name"), network.ClassPermanent, false},
		"invalid":                  {"UpdateTask", rpcError(400, "invalid_argument", "x"), network.ClassPermanent, false},
		"reset":                    {"UpdateTask", failing(syscall.ECONNRESET), network.ClassTransport, true},
		"broken pipe":              {"UpdateTask", failing(syscall.EPIPE), network.ClassTransport, true},
		"no route":                 {"FetchTask", failing(errors.New("no route to host")), network.ClassTransport, true},
		"half an answer":           {"UpdateTask", halfAnswer, network.ClassTransport, true},
		"not protobuf":             {"UpdateTask", answering(200, "application/proto", "\xff\xff\xff"), network.ClassInternal, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(t.Context(), endpoint(t, "http://a", test.answer), test.method)
			got := network.Classify(err)
			if got != test.want {
				t.Errorf("%v is %v, want %v", err, got, test.want)
			}
			if got.Retryable() != test.retry {
				t.Errorf("%v: retryable %v (%s)", got, got.Retryable(), got.Reason())
			}
		})
	}
	if network.Classify(nil) != network.ClassNone {
		t.Error("no error has a class")
	}
	if network.Class(99).Retryable() || network.Class(-1).String() != "unknown" {
		t.Error("classes out of range")
	}
}

func call(ctx context.Context, e *network.Endpoint, method string) (err error) {
	client := e.Client("u", common.NewSecret("t"))
	switch method {
	case "FetchTask":
		_, err = client.FetchTask(ctx, network.FetchRequest{})
	case "UpdateTask":
		_, err = client.UpdateTask(ctx, &runnerv1.UpdateTaskRequest{})
	case "UpdateLog":
		_, err = client.UpdateLog(ctx, &runnerv1.UpdateLogRequest{})
	case "Register":
		_, err = e.Register(ctx, network.RegisterRequest{Name: "n", Token: common.NewSecret("t")})
	}
	return err
}

func halfAnswer(req *http.Request) (*http.Response, error) {
	res, err := answering(200, "application/proto", "")(req)
	res.Body = brokenBody{}
	return res, err
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, syscall.ECONNRESET }
func (brokenBody) Close() error             { return nil }

func TestTheEndOfOurOwnContextHasItsClass(t *testing.T) {
	waiting := roundTripper(func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
	e := endpoint(t, "http://a", waiting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := call(ctx, e, "UpdateTask"); network.Classify(err) != network.ClassTransport {
		t.Errorf("timeout: %v is %v", err, network.Classify(err))
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := call(ctx, e, "UpdateTask"); network.Classify(err) != network.ClassCanceled {
		t.Errorf("cancelled: %v is %v", err, network.Classify(err))
	}
}

// A poll that failed may have been given a task all the same.
func TestRequestSent(t *testing.T) {
	for name, test := range map[string]struct {
		answer roundTripper
		open   bool
	}{
		"connection refused":            {failing(syscall.ECONNREFUSED), false},
		"half an answer":                {halfAnswer, true},
		"500 of a proxy":                {answering(500, "text/html", ""), false},
		"502: no server":                {answering(502, "text/html", ""), false},
		"503: no server":                {answering(503, "text/html", ""), false},
		"504: the server took too long": {answering(504, "text/html", ""), true},
		"504 without a type":            {answering(504, "", ""), true},
		"520: an empty answer":          {answering(520, "text/html", ""), true},
		"521: no server":                {answering(521, "text/html", ""), false},
		"522: no connection":            {answering(522, "text/html", ""), false},
		"524: the server took too long": {answering(524, "text/html", ""), true},
		"deadline of the server":        {rpcError(504, "deadline_exceeded", "context deadline exceeded"), true},
		"deadline of its database":      {rpcError(500, "unknown", "rpc error: code = Internal desc = pick task: context deadline exceeded"), true},
		"database locked":               {rpcError(500, "unknown", "rpc error: code = Internal desc = pick task: database is locked"), false},
		"too many requests":             {answering(429, "text/plain", ""), false},
		"unregistered":                  {rpcError(500, "unknown", "unregistered runner"), false},
	} {
		if err := call(t.Context(), endpoint(t, "http://a", test.answer), "FetchTask"); network.RequestSent(err) != test.open {
			t.Errorf("%s (%v): open %v", name, err, !test.open)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/proto", []byte{0x08, 0x01})
	f.Add(500, "application/json", []byte(`{"code":"unknown","message":"x"}`))
	f.Add(500, "application/json; charset=utf-8", []byte(`{"code":17`))
	f.Add(302, "text/plain", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		e := endpoint(t, "http://a", answering(status, contentType, string(body)))
		for _, method := range []string{"FetchTask", "UpdateLog", "Register"} {
			if err := call(t.Context(), e, method); (err == nil) != (network.Classify(err) == network.ClassNone) {
				t.Errorf("%v is %v", err, network.Classify(err))
			}
		}
	})
}
