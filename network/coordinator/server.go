package coordinator

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options make a server. The zero value is a Gitea of July 2026.
type Options struct {
	// URL is where runners find the instance; a path in it is where Handler
	// answers. The default is http://coordinator.invalid.
	URL string
	// Capabilities are advertised to Declare. "job-summary" also opens the
	// summary interface.
	Capabilities []string
	// DefaultActionsURL is what `uses: owner/repo@ref` is fetched from. The
	// default is https://github.com.
	DefaultActionsURL string

	// KeepAll keeps every key of a job in its payload. Without it payloads
	// lose and change what a server loses and changes.
	KeepAll bool
	// MatrixRules enforces fail-fast and max-parallel as GitHub does. Gitea
	// hands out all jobs of a matrix at once.
	MatrixRules bool
	// Forgejo answers a request key that it has seen with the tasks that it
	// assigned then, and knows no "cancelling".
	Forgejo bool
	// Legacy is what older servers lack.
	Legacy Legacy

	// ZombieTimeout and EndlessTimeout are what Sweep goes by: how long a task
	// may be silent (10 minutes), and how long it may take (3 hours).
	ZombieTimeout  time.Duration
	EndlessTimeout time.Duration
	// SweepEvery sweeps in the background; 0 leaves it to calls of Sweep.
	SweepEvery time.Duration

	// Observe is called at the start and at the end of every request, one call
	// at a time. It must not block.
	Observe func(Observation)
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// Legacy switches off what servers learnt over time.
type Legacy struct {
	NoDeclare      bool // before 1.21: Declare is unimplemented
	NoRelease      bool // before July 2026: a claim whose poll was cancelled is stranded
	NoEmptyArchive bool // before May 2026: no_more without a row is ignored
}

// Server is the whole instance. All methods are safe for concurrent use.
type Server struct {
	options Options
	base    string // URL without a trailing slash
	path    string // of base
	jwtKey  []byte
	handler http.Handler

	faults    *faultTable
	stats     *statTable
	observing sync.Mutex

	// mu guards everything below. Nothing blocks while it is held, so a plain
	// mutex does under testing/synctest too.
	mu       sync.Mutex
	lastID   map[string]int64
	runners  map[int64]*runnerRow
	byUUID   map[string]*runnerRow
	tokens   map[string]*tokenRow // registration tokens by text
	versions map[Scope]int64
	runs     map[int64]*runRow
	jobs     map[int64]*jobRow
	tasks    map[int64]*taskRow
	waiting  []*jobRow // oldest first
	keys     map[requestKey]int64
	polling  map[requestKey]bool
	wake     chan struct{} // closed and replaced whenever a version grows
	feeds    map[*Subscription]struct{}

	closing chan struct{}  // closed under mu by Close
	owned   sync.WaitGroup // requests in memory, the background sweep
}

// New makes a server. Close ends it.
func New(options Options) *Server {
	if options.URL == "" {
		options.URL = "http://coordinator.invalid"
	}
	if options.DefaultActionsURL == "" {
		options.DefaultActionsURL = "https://github.com"
	}
	if options.ZombieTimeout == 0 {
		options.ZombieTimeout = 10 * time.Minute
	}
	if options.EndlessTimeout == 0 {
		options.EndlessTimeout = 3 * time.Hour
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{
		options:  options,
		base:     strings.TrimRight(options.URL, "/"),
		jwtKey:   []byte(randomHex(32)),
		faults:   newFaultTable(),
		stats:    newStatTable(),
		lastID:   make(map[string]int64),
		runners:  make(map[int64]*runnerRow),
		byUUID:   make(map[string]*runnerRow),
		tokens:   make(map[string]*tokenRow),
		versions: make(map[Scope]int64),
		runs:     make(map[int64]*runRow),
		jobs:     make(map[int64]*jobRow),
		tasks:    make(map[int64]*taskRow),
		keys:     make(map[requestKey]int64),
		polling:  make(map[requestKey]bool),
		wake:     make(chan struct{}),
		feeds:    make(map[*Subscription]struct{}),
		closing:  make(chan struct{}),
	}
	if u, err := url.Parse(s.base); err == nil {
		s.path = strings.TrimRight(u.Path, "/")
	}
	s.handler = s.newHandler()
	if options.SweepEvery > 0 && s.own() {
		go s.sweepLoop()
	}
	return s
}

// URL is the instance's URL, without a trailing slash.
func (s *Server) URL() string { return s.base }

// Close ends held and hanging requests and waits for everything that the
// server started. Subscriptions keep what they hold.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed() {
		close(s.closing)
	}
	s.mu.Unlock()
	s.owned.Wait()
}

func (s *Server) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// own counts a goroutine that Close is to wait for; false after Close.
func (s *Server) own() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() {
		return false
	}
	s.owned.Add(1)
	return true
}

func (s *Server) now() time.Time { return s.options.Now() }

// nextID counts per kind of row, from 1.
func (s *Server) nextID(kind string) int64 {
	s.lastID[kind]++
	return s.lastID[kind]
}

// randomHex gives so many hex digits that nobody can guess.
func randomHex(digits int) string {
	raw := make([]byte, (digits+1)/2)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	return hex.EncodeToString(raw)[:digits]
}
