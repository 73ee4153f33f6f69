// Package admin is the one HTTP server of a runner: metrics and health.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
)

// Limits of the server: nobody may hold it up, and it ends in stopTimeout.
const (
	readHeaderTimeout = 5 * time.Second
	readWriteTimeout  = 10 * time.Second
	idleTimeout       = 60 * time.Second
	stopTimeout       = 5 * time.Second
	maxHeaderBytes    = 16 << 10
)

// Server serves one address. Make it with Listen, then call Serve.
type Server struct {
	listener net.Listener
	http     *http.Server
	log      logrus.FieldLogger
}

// Listen takes the address. The error names it and says what to do; the
// runner works without the server.
func Listen(address string, gatherer prometheus.Gatherer, ready func() error, log logrus.FieldLogger) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen_address %q: %w: choose a free address, or \"\" for no metrics", address, err)
	}
	return &Server{
		listener: listener,
		log:      log,
		http: &http.Server{
			Handler:           handler(gatherer, ready),
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readWriteTimeout,
			WriteTimeout:      readWriteTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
		},
	}, nil
}

func handler(gatherer prometheus.Gatherer, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		io.WriteString(w, "ready\n")
	})
	return mux
}

// Address is where the server listens, with the port that the system chose
// for port 0.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve serves until ctx is done, then lets requests finish for 5 seconds. It
// returns when the port is free again.
func (s *Server) Serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("metrics server: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := s.http.Shutdown(stopping); err != nil {
		s.log.WithError(err).Warn("metrics server: requests cut off")
		s.http.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics server: %w", err)
	}
	return nil
}
