package coordinator

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
)

// errReset, as a panic, resets the connection of a request.
var errReset = errors.New("connection reset")

// recorder keeps an answer until it is known what becomes of it.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) writeTo(w http.ResponseWriter) {
	maps.Copy(w.Header(), r.header)
	r.WriteHeader(http.StatusOK)
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body.Bytes()) // the client has gone
}

// resetting makes errReset work over real connections: net/http knows only how
// to close them.
func resetting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == errReset {
				reset(w)
				cause = http.ErrAbortHandler
			}
			panic(cause)
		}()
		next.ServeHTTP(w, r)
	})
}

// reset ends an HTTP/1 connection with a TCP reset. HTTP/2 streams are reset
// by the abort that follows.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // a failure only makes it a plain close
	}
	conn.Close()
}
