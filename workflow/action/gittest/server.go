package gittest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Request is what was asked of a Server.
type Request struct {
	Repo    string // "owner/repo"
	Command string // "ls-refs", "fetch" or "advertise" (info/refs)
	Token   string // the password that came with it, "" for none
	Path    string
}

// Server serves repositories. It is safe for concurrent use; its fields are
// set before it serves.
type Server struct {
	// Old makes it speak the first version of the protocol only.
	Old bool
	// Prefix is the path that the repositories are below, "" or "/path".
	Prefix string

	mu        sync.Mutex
	repos     map[string]*Repo
	asked     []Request
	intercept Intercept
}

// Intercept may answer a request itself, and then gives true: faults.
type Intercept func(w http.ResponseWriter, r *http.Request, asked Request) bool

// Intercept makes all requests from now on go through f first; nil ends that.
func (s *Server) Intercept(f Intercept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

// Repo gives the repository with a name, "owner/repo", which it makes when it
// is not there yet.
func (s *Server) Repo(name string) *Repo {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.repos == nil {
		s.repos = map[string]*Repo{}
	}
	if s.repos[name] == nil {
		s.repos[name] = &Repo{objects: map[string]Object{}, refs: map[string]string{}}
	}
	return s.repos[name]
}

// Requests gives what was asked so far and forgets it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

// ServeHTTP serves /owner/repo[.git]/info/refs and …/git-upload-pack.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	asked := Request{Command: "advertise", Path: r.URL.Path}
	if name, isPost := strings.CutSuffix(r.URL.Path, "/git-upload-pack"); isPost {
		asked.Repo, asked.Command = name, "fetch"
		if bytes.Contains(body, []byte("command=ls-refs")) {
			asked.Command = "ls-refs"
		}
	} else {
		asked.Repo = strings.TrimSuffix(r.URL.Path, "/info/refs")
	}
	asked.Repo = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(asked.Repo, s.Prefix), "/"), ".git")
	_, asked.Token, _ = r.BasicAuth()
	s.mu.Lock()
	s.asked = append(s.asked, asked)
	repo, intercept := s.repos[asked.Repo], s.intercept
	s.mu.Unlock()
	if intercept != nil && intercept(w, r, asked) {
		return
	}
	if repo == nil || !repo.admits(asked.Token) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	s.answer(w, r, repo, asked, body)
}

func (r *Repo) admits(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens == nil || slices.Contains(r.tokens, token)
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, repo *Repo, asked Request, body []byte) {
	repo.mu.Lock()
	defer repo.mu.Unlock()
	v2 := !s.Old && r.Header.Get("Git-Protocol") == "version=2"
	if asked.Command == "advertise" {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		io.WriteString(w, line("# service=git-upload-pack\n")+"0000")
		if v2 {
			io.WriteString(w, line("version 2\n")+line("agent=gittest\n")+line("ls-refs=unborn\n")+line("fetch=shallow\n")+line("object-format=sha1\n")+"0000")
			return
		}
		repo.advertise(w)
		return
	}
	if bytes.Contains(body, []byte("command=")) != v2 {
		http.Error(w, "protocol error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	switch {
	case asked.Command == "ls-refs":
		repo.list(w, body)
	case v2:
		repo.fetch(w, body)
	default:
		repo.fetchOld(w, body)
	}
}

func line(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// lines takes pkt-lines apart; the special ones are "".
func lines(body []byte) []string {
	var out []string
	for r := bufio.NewReader(bytes.NewReader(body)); ; {
		var n int
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return out
		}
		if _, err := fmt.Sscanf(string(head), "%04x", &n); err != nil {
			return out
		}
		text := make([]byte, max(0, n-4))
		_, _ = io.ReadFull(r, text)
		out = append(out, strings.TrimSuffix(string(text), "\n"))
	}
}

func (r *Repo) peeled(id string) string {
	if o := r.objects[id]; o.Kind == TagKind {
		return string(o.Data[len("object "):][:40])
	}
	return ""
}

func (r *Repo) list(w io.Writer, body []byte) {
	var prefixes []string
	for _, l := range lines(body) {
		if p, ok := strings.CutPrefix(l, "ref-prefix "); ok {
			prefixes = append(prefixes, p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.refs)) {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) && prefixes != nil {
			continue
		}
		text := r.refs[name] + " " + name
		if peeled := r.peeled(r.refs[name]); peeled != "" {
			text += " peeled:" + peeled
		}
		io.WriteString(w, line(text+"\n"))
	}
	io.WriteString(w, "0000")
}

func (r *Repo) advertise(w io.Writer) {
	caps := "\x00multi_ack side-band-64k ofs-delta shallow no-progress allow-tip-sha1-in-want allow-reachable-sha1-in-want agent=gittest"
	if len(r.refs) == 0 {
		io.WriteString(w, line(strings.Repeat("0", 40)+" capabilities^{}"+caps+"\n"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.refs)) {
		io.WriteString(w, line(r.refs[name]+" "+name+caps+"\n"))
		caps = ""
		if peeled := r.peeled(r.refs[name]); peeled != "" {
			io.WriteString(w, line(peeled+" "+name+"^{}\n"))
		}
	}
	io.WriteString(w, "0000")
}

// want gives the object that a fetch asks for.
func (r *Repo) want(body []byte) string {
	for _, l := range lines(body) {
		if id, ok := strings.CutPrefix(l, "want "); ok {
			return id[:min(40, len(id))]
		}
	}
	return ""
}

func (r *Repo) fetch(w io.Writer, body []byte) {
	id := r.want(body)
	if _, known := r.objects[id]; !known {
		io.WriteString(w, line("ERR upload-pack: not our ref "+id))
		return
	}
	io.WriteString(w, line("shallow-info\n")+line("shallow "+id+"\n")+"0001"+line("packfile\n"))
	r.sideband(w, r.packLocked(id))
}

func (r *Repo) fetchOld(w io.Writer, body []byte) {
	id := r.want(body)
	if _, known := r.objects[id]; !known {
		io.WriteString(w, line("ERR upload-pack: not our ref "+id))
		return
	}
	io.WriteString(w, line("shallow "+id)+"0000"+line("NAK\n"))
	r.sideband(w, r.packLocked(id))
}

func (r *Repo) sideband(w io.Writer, pack []byte) {
	io.WriteString(w, line("\x02counting\n"))
	for len(pack) > 0 {
		n := min(len(pack), 60_000)
		io.WriteString(w, line("\x01"+string(pack[:n])))
		pack = pack[n:]
	}
	io.WriteString(w, "0000")
}
