package network

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"multirunner/common"
)

const (
	dialTimeout = 10 * time.Second
	// Longer than an idle registration's interval, shorter than what proxies
	// commonly allow: whoever closes first has no request crossing with it.
	idleConnTimeout = 55 * time.Second
	// Without these a dead HTTP/2 connection would stall all registrations of
	// an endpoint until the kernel gives up, a quarter of an hour later.
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
	// The smallest size of the idle pool: concurrent may grow by a reload.
	minIdlePerHost = 32
)

// PoolOptions say how all endpoints of a pool connect.
type PoolOptions struct {
	// MaxIdlePerHost is how many idle connections an endpoint keeps: as many
	// as there may be requests at once. It is at least 32.
	MaxIdlePerHost int
	// UserAgent goes with every request, for the server's access log.
	UserAgent string
	// Transport replaces the pool's own transports, for servers in memory.
	Transport http.RoundTripper
}

// TLSOptions are what a registration says about certificates.
type TLSOptions struct {
	CAFile   string // PEM, trusted beside the system's own
	Insecure bool   // no verification at all
}

// Pool holds one transport per server URL and TLS settings, however many
// registrations share it. It is safe for concurrent use.
type Pool struct {
	options PoolOptions

	mu        sync.Mutex
	endpoints map[endpointKey]*Endpoint
}

type endpointKey struct {
	url string
	tls TLSOptions
}

// NewPool makes an empty pool.
func NewPool(options PoolOptions) *Pool {
	options.MaxIdlePerHost = max(options.MaxIdlePerHost, minIdlePerHost)
	if options.UserAgent == "" {
		options.UserAgent = "multirunner"
	}
	return &Pool{options: options, endpoints: make(map[endpointKey]*Endpoint)}
}

// Endpoint gives the endpoint of an instance URL, the same one for the same
// URL and TLS settings. The error is about the URL or the CA file, which is read
// for a new endpoint only; nothing is sent.
func (p *Pool) Endpoint(instance string, options TLSOptions) (*Endpoint, error) {
	base := common.NormalizeURL(instance)
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is not the URL of an instance: write https://HOST or https://HOST/PATH", instance)
	}
	key := endpointKey{base, options}

	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.endpoints[key]; ok {
		return e, nil
	}
	config, sum, err := tlsConfig(options)
	if err != nil {
		return nil, err
	}
	transport := p.options.Transport
	if transport == nil {
		transport = newTransport(config, p.options.MaxIdlePerHost)
	}
	e := newEndpoint(base, transport, p.options.UserAgent)
	e.caSum = sum
	p.endpoints[key] = e
	return e, nil
}

// Refresh reads the CA files again: new connections, also of clients that are
// in use, trust what they hold now. The error names the files that cannot be
// used; what they held before holds on.
func (p *Pool) Refresh() error {
	if p.options.Transport != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := map[string]error{}
	for key, e := range p.endpoints {
		if key.tls.CAFile == "" || failed[key.tls.CAFile] != nil {
			continue
		}
		config, sum, err := tlsConfig(key.tls)
		if err != nil {
			failed[key.tls.CAFile] = err
			continue
		}
		if sum != e.caSum {
			e.caSum = sum
			e.wire.use(newTransport(config, p.options.MaxIdlePerHost))
		}
	}
	return errors.Join(slices.Collect(maps.Values(failed))...)
}

// Close closes the idle connections. Requests under way end by themselves;
// their connections are closed after idling.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.endpoints {
		e.http.CloseIdleConnections()
	}
}

func newTransport(config *tls.Config, maxIdlePerHost int) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   dialTimeout,
		MaxIdleConnsPerHost:   maxIdlePerHost,
		IdleConnTimeout:       idleConnTimeout,
		ForceAttemptHTTP2:     true,
		ExpectContinueTimeout: time.Second,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  pingAfter,
			PingTimeout:      pingTimeout,
			WriteByteTimeout: pingAfter,
		},
		// No ResponseHeaderTimeout: a poll may be held for as long as it asks.
	}
}

func tlsConfig(options TLSOptions) (*tls.Config, [sha256.Size]byte, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: options.Insecure}
	if options.CAFile == "" {
		return config, [sha256.Size]byte{}, nil
	}
	pem, err := os.ReadFile(options.CAFile)
	if err != nil {
		return nil, [sha256.Size]byte{}, fmt.Errorf("tls_ca_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // no system pool on this machine: the file alone
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, [sha256.Size]byte{}, fmt.Errorf("tls_ca_file: %s holds no PEM certificate", options.CAFile)
	}
	config.RootCAs = roots
	return config, sha256.Sum256(pem), nil
}
