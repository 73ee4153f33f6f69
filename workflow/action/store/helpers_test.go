package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/workflow/action"
	"multirunner/workflow/action/gittest"
)

// bench is a store's surroundings: a server that is the job's instance and the
// default for actions, and a directory.
type bench struct {
	testing.TB
	server *gittest.Server
	url    string
	dir    string

	mu   sync.Mutex
	rows []string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{TB: t, server: &gittest.Server{}, dir: storeDir(t)}
	b.url = b.serve(b.server)
	return b
}

// storeDir is a directory that can be removed although trees are read-only.
func storeDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "actions")
	t.Cleanup(func() { writable(dir) })
	return dir
}

func writable(dir string) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			_ = os.Chmod(path, 0o755)
		}
		return nil
	})
}

func (b *bench) serve(h http.Handler) string {
	b.Helper()
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	return s.URL
}

// store opens the directory as one job process does.
func (b *bench) store(change ...func(*Options)) *Store {
	b.Helper()
	options := Options{Stall: 10 * time.Second, Progress: func(text string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rows = append(b.rows, text)
	}}
	for _, c := range change {
		c(&options)
	}
	s := Open(b.dir, options)
	s.pause = time.Millisecond
	b.Cleanup(s.Close)
	return s
}

func offline(o *Options) { o.Offline = true }

// request is one of a job of the repository job/one without a token.
func (b *bench) request(uses string) Request {
	b.Helper()
	ref, err := action.ParseUses(uses)
	if err != nil {
		b.Fatal(err)
	}
	return Request{Reference: ref, URL: ref.URL(b.url), InstanceURL: b.url, Repository: "job/one"}
}

func (b *bench) requests(uses ...string) []Request {
	b.Helper()
	var list []Request
	for _, u := range uses {
		list = append(list, b.request(u))
	}
	return list
}

func withToken(q Request, repository, token string) Request {
	q.Repository, q.Token = repository, common.NewSecret(token)
	return q
}

// prepare prepares in a job of its own, and releases with the test.
func (b *bench) prepare(s *Store, requests ...Request) *Prepared {
	b.Helper()
	p, err := s.Prepare(context.Background(), requests)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Release)
	return p
}

func (b *bench) fail(s *Store, requests ...Request) error {
	b.Helper()
	p, err := s.Prepare(context.Background(), requests)
	if err == nil {
		p.Release()
		b.Fatalf("no error, but %+v", p.Actions)
	}
	return err
}

// asked gives the commands that the server was asked since the last time,
// sorted.
func (b *bench) asked() []string {
	var list []string
	for _, a := range b.server.Requests() {
		text := a.Command + " " + a.Repo
		if a.Token != "" {
			text += " " + a.Token
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func (b *bench) wantAsked(want ...string) {
	b.Helper()
	if got := b.asked(); !slices.Equal(got, want) {
		b.Errorf("asked %q, want %q", got, want)
	}
}

func (b *bench) wantFile(a Action, name, want string) {
	b.Helper()
	got, err := os.ReadFile(filepath.Join(a.Root, filepath.FromSlash(name)))
	if err != nil || string(got) != want {
		b.Errorf("%s: %q, %v, want %q", name, got, err, want)
	}
}

// row finds what the job was told.
func (b *bench) row(parts ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range b.rows {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(row, part)
		}
		if all {
			return true
		}
	}
	return false
}

func (b *bench) wantRow(parts ...string) {
	b.Helper()
	if !b.row(parts...) {
		b.Errorf("no row with %q in %q", parts, b.rows)
	}
}

// entries names what there is in a directory of the store.
func (b *bench) list(dir string) []string {
	b.Helper()
	files, err := os.ReadDir(filepath.Join(b.dir, dir))
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func (b *bench) entries() int {
	b.Helper()
	return len(b.list("entries"))
}

// publish makes a repository with an action at v1 and gives the commit.
func (b *bench) publish(name, text string) string {
	b.Helper()
	repo := b.server.Repo(name)
	commit := repo.Commit(gittest.Files{"action.yml": gittest.Text("name: " + text), "dist/index.js": gittest.Text(text)})
	repo.Tag("v1", commit)
	repo.Branch("main", commit)
	return commit
}

// childVariable makes the test binary prepare what the variable says, as a job
// process of its own.
const childVariable = "MULTIRUNNER_TEST_STORE"

// order is what a child is told.
type order struct {
	Dir      string
	Uses     []string
	URL      string
	MaxBytes int64
	Times    int
}

func child() int {
	var o order
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	for range o.Times {
		if err := o.run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func (o order) run() error {
	s := Open(o.Dir, Options{Stall: 2 * time.Second, MaxBytes: o.MaxBytes})
	s.pause = 5 * time.Millisecond
	defer s.Close()
	var requests []Request
	for _, uses := range o.Uses {
		ref, err := action.ParseUses(uses)
		if err != nil {
			return err
		}
		requests = append(requests, Request{Reference: ref, URL: ref.URL(o.URL), InstanceURL: o.URL, Repository: "job/one"})
	}
	p, err := s.Prepare(context.Background(), requests)
	if err != nil {
		return err
	}
	defer p.Release()
	for range 3 { // others remove and fetch meanwhile
		for _, a := range p.Actions {
			data, err := os.ReadFile(filepath.Join(a.Root, "action.yml"))
			if err != nil || string(data) != "name: "+a.Reference.Name {
				return fmt.Errorf("%s: %q, %w", a.Reference, data, err)
			}
		}
	}
	return nil
}
