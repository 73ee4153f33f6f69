package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServerServesAndLeavesThePortFree(t *testing.T) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "gitea_runner_test"}))
	var notReady error
	s, err := Listen("127.0.0.1:0", registry, func() error { return notReady }, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()

	base := "http://" + s.Address()
	if status, body := get(t, base+"/metrics"); status != 200 || !strings.Contains(body, "gitea_runner_test 0") {
		t.Errorf("metrics: %d %s", status, body)
	}
	if status, _ := get(t, base+"/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
	if status, _ := get(t, base+"/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	if _, err := Listen(s.Address(), registry, nil, log); err == nil || !strings.Contains(err.Error(), "listen_address") {
		t.Errorf("port in use: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	again, err := net.Listen("tcp", s.Address())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
}

func TestNotReadySaysWhy(t *testing.T) {
	h := handler(prometheus.NewRegistry(), func() error { return errors.New("draining") })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "draining") {
		t.Errorf("readyz: %d %s", w.Code, w.Body.String())
	}
}
