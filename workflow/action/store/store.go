package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/workflow/action/gitpack"
	"multirunner/workflow/action/gitwire"
)

const (
	// parallel is how many repositories one Store talks to at once.
	parallel = 8
	// attempts is how often the same is asked of a server that is in trouble
	// (GitHub: 3).
	attempts    = 3
	dialTimeout = 15 * time.Second
)

// Options say how a Store works. The zero value works.
type Options struct {
	// Log is for operators: what is removed and what could not be. Nil is silent.
	Log logrus.FieldLogger
	// Progress is for the job's log: a line without line end for what takes
	// time or goes wrong and is tried again. It is called by one goroutine at a
	// time. Nil is silent.
	Progress func(text string)
	// MaxBytes is how much disk the entries may take: above it those that were
	// used longest ago and that no job uses are removed. 0 means no limit.
	MaxBytes int64
	// Offline never talks to a server: refs lead where they led last.
	Offline bool
	// TLSCAFile holds certificates (PEM) to trust beside the system's own.
	TLSCAFile string
	// InsecureInstance verifies no certificates of the job's own instance.
	InsecureInstance bool
	// SSH is the ssh program with arguments; none means "ssh".
	SSH []string
	// Limits bound a repository; the zero value means gitpack.DefaultLimits.
	Limits gitpack.Limits
	// Stall is how long a server may send nothing; 0 means gitwire.DefaultStall.
	Stall time.Duration
	// Transport replaces the Store's own for all HTTP, and with it TLSCAFile
	// and InsecureInstance. It must not follow redirects.
	Transport http.RoundTripper
}

// Store is a directory of repositories. It is safe for concurrent use, and so
// is the directory: any number of Stores in any processes may have it.
type Store struct {
	dir     string
	options Options
	log     logrus.FieldLogger
	pause   time.Duration // before the second attempt
	silence time.Duration // of a wait for other jobs, before the job is told
	mend    time.Duration // that one waits for jobs that use a damaged entry: they may go on for hours
	slots   chan struct{} // of those that talk to a server

	fetched  atomic.Bool // since the last look at the limit
	rowMutex sync.Mutex

	mu       sync.Mutex
	swept    bool
	plain    http.RoundTripper
	insecure http.RoundTripper
}

// Open gives the Store in a directory, which is made when it is first needed.
func Open(dir string, options Options) *Store {
	if options.Limits == (gitpack.Limits{}) {
		options.Limits = gitpack.DefaultLimits()
	}
	if options.Stall <= 0 {
		options.Stall = gitwire.DefaultStall
	}
	s := &Store{
		dir: dir, options: options, log: options.Log, slots: make(chan struct{}, parallel),
		pause: time.Second, silence: 2 * time.Second, mend: 500 * time.Millisecond,
	}
	if s.log == nil {
		silent := logrus.New()
		silent.SetLevel(logrus.PanicLevel)
		s.log = silent
	}
	return s
}

// Close closes idle connections. What was prepared stays until it is released.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range []http.RoundTripper{s.plain, s.insecure} {
		if closer, ok := t.(interface{ CloseIdleConnections() }); ok {
			closer.CloseIdleConnections()
		}
	}
}

// row tells the job something.
func (s *Store) row(format string, args ...any) {
	if s.options.Progress == nil {
		return
	}
	s.rowMutex.Lock()
	defer s.rowMutex.Unlock()
	s.options.Progress(fmt.Sprintf(format, args...))
}

// path gives a path in the store.
func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// make makes the directories of the store. The job's user may be another one,
// who must get through to trees but may not see which there are.
func (s *Store) make() error {
	if err := os.MkdirAll(s.dir, 0o711); err != nil {
		return fmt.Errorf("the action store: %w", err)
	}
	for name, mode := range map[string]os.FileMode{"entries": 0o711, "locks": 0o700, "refs": 0o700, "temp": 0o700} {
		err := os.Mkdir(s.path(name), mode)
		if err == nil {
			err = os.Chmod(s.path(name), mode) // whatever the umask
		}
		if err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("the action store: %w", err)
		}
	}
	return nil
}

// transport gives what sends requests, to the job's own instance or elsewhere.
func (s *Store) transport(instance bool) (http.RoundTripper, error) {
	if s.options.Transport != nil {
		return s.options.Transport, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &s.plain
	if instance && s.options.InsecureInstance {
		one = &s.insecure
	}
	if *one != nil {
		return *one, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: one == &s.insecure}
	if file := s.options.TLSCAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("tls_ca_file: %w", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool() // no system pool on this machine: the file alone
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca_file: %s holds no PEM certificate", file)
		}
	}
	*one = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: parallel,
		IdleConnTimeout:     30 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	return *one, nil
}
