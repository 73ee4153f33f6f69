package network_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multirunner/network"
	"multirunner/network/coordinator"
)

func TestEndpointsAreSharedByURLAndTLS(t *testing.T) {
	pool := network.NewPool(network.PoolOptions{})
	defer pool.Close()
	get := func(url string, tls network.TLSOptions) *network.Endpoint {
		t.Helper()
		e, err := pool.Endpoint(url, tls)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	first := get("https://git.example.org/", network.TLSOptions{})
	if first != get("HTTPS://GIT.example.org:443", network.TLSOptions{}) {
		t.Error("the same server has two endpoints")
	}
	if first == get("https://git.example.org", network.TLSOptions{Insecure: true}) {
		t.Error("one endpoint with two TLS settings")
	}
	if first == get("https://git.example.org/sub", network.TLSOptions{}) {
		t.Error("two instances on one host have one endpoint")
	}
}

func TestEndpointRefusesWhatCannotWork(t *testing.T) {
	pool := network.NewPool(network.PoolOptions{})
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		url  string
		tls  network.TLSOptions
		want string
	}{
		"no scheme":    {"git.example.org", network.TLSOptions{}, "write https://HOST"},
		"other scheme": {"ssh://git.example.org", network.TLSOptions{}, "write https://HOST"},
		"no host":      {"https://", network.TLSOptions{}, "write https://HOST"},
		"no CA file":   {"https://a", network.TLSOptions{CAFile: "/does/not/exist"}, "tls_ca_file"},
		"not a CA":     {"https://a", network.TLSOptions{CAFile: empty}, "no PEM certificate"},
	} {
		if _, err := pool.Endpoint(test.url, test.tls); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSIsVerifiedByTheCAFileAndSpeaksHTTP2(t *testing.T) {
	var protocol atomic.Value
	s := coordinator.New(coordinator.Options{})
	defer s.Close()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(r.Proto)
		s.Handler().ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	pool := network.NewPool(network.PoolOptions{})
	defer pool.Close()
	for name, test := range map[string]struct {
		tls  network.TLSOptions
		want network.Class
	}{
		"unknown authority": {network.TLSOptions{}, network.ClassTransport},
		"with its file":     {network.TLSOptions{CAFile: ca}, network.ClassNone},
		"unverified":        {network.TLSOptions{Insecure: true}, network.ClassNone},
	} {
		e, err := pool.Endpoint(server.URL, test.tls)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Ping(t.Context()); network.Classify(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if protocol.Load() != "HTTP/2.0" {
		t.Errorf("spoke %v", protocol.Load())
	}
}

func TestARenewedCAFileHoldsForThoseWhoUseIt(t *testing.T) {
	s := coordinator.New(coordinator.Options{})
	defer s.Close()
	server := httptest.NewTLSServer(s.Handler())
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	write := func(certificate []byte) {
		t.Helper()
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(otherCA(t))
	pool := network.NewPool(network.PoolOptions{})
	defer pool.Close()
	tls := network.TLSOptions{CAFile: ca}
	e, err := pool.Endpoint(server.URL, tls)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Ping(t.Context()); network.Classify(err) != network.ClassTransport {
		t.Fatalf("another authority's server: %v", err)
	}
	write(server.Certificate().Raw)
	if err := pool.Refresh(); err != nil {
		t.Fatal(err)
	}
	if err := e.Ping(t.Context()); err != nil {
		t.Errorf("after the renewal: %v", err)
	}

	if err := os.Remove(ca); err != nil {
		t.Fatal(err)
	}
	if err := pool.Refresh(); err == nil || !strings.Contains(err.Error(), "tls_ca_file") {
		t.Errorf("without the file: %v", err)
	}
	if again, err := pool.Endpoint(server.URL, tls); err != nil || again != e {
		t.Errorf("what is known is not asked of the file again: %v", err)
	}
	if err := e.Ping(t.Context()); err != nil {
		t.Errorf("without the file: %v", err)
	}
}

// otherCA is the certificate of an authority that signed nothing here.
func otherCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
