package admin

import (
	"context"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// limits keep clients from holding a server up.
type limits struct {
	readHeader, readWrite, idle, stop time.Duration
	headerBytes                       int
}

var defaultLimits = limits{
	readHeader:  5 * time.Second,
	readWrite:   10 * time.Second,
	idle:        60 * time.Second,
	stop:        5 * time.Second,
	headerBytes: 16 << 10,
}

// server serves one address from listen to stop.
type server struct {
	listener net.Listener
	http     *http.Server
	limits   limits
	log      logrus.FieldLogger
	done     chan struct{} // closed when nothing is served any more
}

// listen takes an address. key is the configuration's, for errors.
func listen(key, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w: choose a free address of this machine, or \"\" for none", key, address, err)
	}
	return listener, nil
}

// serve serves an address; whoever makes the handler learns where. ended is
// called when the server ends, by itself too.
func serve(key string, listener net.Listener, l limits, log logrus.FieldLogger, handler func(net.Addr) http.Handler, ended func()) *server {
	s := &server{listener: listener, limits: l, log: log, done: make(chan struct{})}
	s.http = &http.Server{
		Handler:           handler(listener.Addr()),
		ReadHeaderTimeout: l.readHeader,
		ReadTimeout:       l.readWrite,
		WriteTimeout:      l.readWrite,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    l.headerBytes,
		ErrorLog:          stdlog.New(logWriter{log}, "", 0),
	}
	go func() {
		defer ended()
		defer close(s.done)
		if err := s.http.Serve(listener); err != http.ErrServerClosed {
			log.WithError(err).Errorf("%s: the server has ended", key)
		}
	}()
	return s
}

// address is where the server listens, with the port that the system chose for
// port 0.
func (s *server) address() string { return s.listener.Addr().String() }

// stop frees the port at once, and lets requests finish for 5 seconds.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.stop)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.log.WithError(err).Warn("Requests for metrics or status were cut off")
		s.http.Close()
	}
	<-s.done
}

// logWriter is where net/http complains about clients.
type logWriter struct{ log logrus.FieldLogger }

func (w logWriter) Write(p []byte) (int, error) {
	w.log.Warn("HTTP server: " + strings.TrimSpace(string(p)))
	return len(p), nil
}

// isLoopback tells whether only this machine can reach an address.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// samePort tells whether a server must end before an address can be taken.
func (s *server) samePort(address string) bool {
	_, ours, err := net.SplitHostPort(s.address())
	_, theirs, otherErr := net.SplitHostPort(address)
	return err == nil && otherErr == nil && ours == theirs
}
