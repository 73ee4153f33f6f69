package gitwire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/workflow/action/gittest"
)

func TestRefsAndACommitAreOneRequestEach(t *testing.T) {
	s := &gittest.Server{}
	repo, commit, tag := sample(s)
	r := open(t, serve(t, s)+"/a/b", "")
	refs, err := r.Refs(context.Background(), []string{"refs/tags/v1", "refs/heads/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := find(refs, "refs/tags/v1"); got.ID != tag || got.Peeled != commit || got.Commit() != commit {
		t.Errorf("v1: %+v", got)
	}
	if got := find(refs, "refs/tags/v1.0"); got.Commit() != commit {
		t.Errorf("v1.0: %+v", got)
	}
	pack, err := fetch(r, commit)
	if err != nil || string(pack) != string(repo.Pack(commit)) {
		t.Errorf("pack of %d bytes, %v", len(pack), err)
	}
	if got := commands(s.Requests()); !slices.Equal(got, []string{"ls-refs", "fetch"}) {
		t.Errorf("asked: %v", got)
	}
	if _, err := fetch(r, strings.Repeat("0", 40)); !errors.Is(err, ErrNoCommit) || Temporary(err) {
		t.Errorf("unknown commit: %v", err)
	}
	if got := commands(s.Requests()); !slices.Equal(got, []string{"fetch"}) {
		t.Errorf("asked: %v", got)
	}
}

func TestOldServersAreAskedAsTheyUnderstand(t *testing.T) {
	s := &gittest.Server{Old: true}
	repo, commit, tag := sample(s)
	r := open(t, serve(t, s)+"/a/b", "")
	refs, err := r.Refs(context.Background(), []string{"refs/tags/v1"})
	if err != nil {
		t.Fatal(err)
	}
	if got := find(refs, "refs/tags/v1"); got.ID != tag || got.Commit() != commit {
		t.Errorf("v1: %+v", got)
	}
	if pack, err := fetch(r, commit); err != nil || string(pack) != string(repo.Pack(commit)) {
		t.Errorf("pack of %d bytes, %v", len(pack), err)
	}
	if _, err := fetch(r, strings.Repeat("0", 40)); !errors.Is(err, ErrNoCommit) {
		t.Errorf("unknown commit: %v", err)
	}
	repo.Branch("main", tag)
	refs, err = r.Refs(context.Background(), nil)
	if got := find(refs, "refs/heads/main"); err != nil || got.ID != tag {
		t.Errorf("a ref that has moved: %+v, %v", got, err)
	}
	fresh := open(t, serve(t, s)+"/a/b", "")
	if pack, err := fetch(fresh, commit); err != nil || len(pack) == 0 {
		t.Errorf("at once: %d bytes, %v", len(pack), err)
	}
}

func TestThePasswordIsSentToItsHostOnly(t *testing.T) {
	elsewhere := &gittest.Server{}
	sample(elsewhere)
	other := serve(t, elsewhere)
	s := &gittest.Server{}
	repo, commit, _ := sample(s)
	repo.Private("right")
	home := serve(t, s)

	if _, err := open(t, home+"/a/b", "").Refs(context.Background(), nil); !Denied(err) || Temporary(err) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := open(t, home+"/a/b", "wrong").Refs(context.Background(), nil); !Denied(err) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong one: %v", err)
	}
	if _, err := fetch(open(t, home+"/a/b", "right"), commit); err != nil {
		t.Errorf("with the right one: %v", err)
	}
	s.Requests()
	s.Intercept(func(w http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
		http.Redirect(w, r, other+r.URL.String(), http.StatusFound)
		return true
	})
	if _, err := fetch(open(t, home+"/a/b", "right"), commit); err != nil {
		t.Fatal(err)
	}
	if asked := s.Requests(); len(asked) != 1 || asked[0].Token != "right" {
		t.Errorf("home was asked %+v", asked)
	}
	if asked := elsewhere.Requests(); len(asked) != 1 || asked[0].Token != "" {
		t.Errorf("the other host was asked %+v", asked)
	}
}

func TestRedirectsAreFollowedToRepositoriesOnly(t *testing.T) {
	s := &gittest.Server{}
	_, commit, _ := sample(s)
	home := serve(t, s)
	plain := func(to string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusMovedPermanently) })
	}
	moved := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, home+"/a/b"+strings.TrimPrefix(r.URL.String(), "/old/name"), http.StatusMovedPermanently)
	}))
	if _, err := fetch(open(t, moved+"/old/name", ""), commit); err != nil {
		t.Errorf("a repository that has moved: %v", err)
	}
	var loop string
	loop = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, loop+r.URL.String(), http.StatusFound)
	}))
	secure := httptest.NewTLSServer(plain(home + "/a/b/git-upload-pack"))
	t.Cleanup(secure.Close)
	for name, tc := range map[string]struct{ url, want string }{
		"in circles":       {loop + "/a/b", "more than 5 times"},
		"to a page":        {serve(t, plain("https://example.invalid/login?token=x")) + "/a/b", "https://example.invalid/login is no repository"},
		"to a file":        {serve(t, plain("file:///a/b/git-upload-pack")) + "/a/b", "from http to file"},
		"to no encryption": {secure.URL + "/a/b", "from https to http"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Open(Options{URL: tc.url, Transport: secure.Client().Transport, Stall: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			_, err = fetch(r, commit)
			if err == nil || !strings.Contains(err.Error(), tc.want) || Temporary(err) || strings.Contains(err.Error(), "token=x") {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// A server may tell only where refs are asked for in the old way that the
// repository is elsewhere, and send everything else to its front door.
func TestAnIntroductionMayLeadToTheRepository(t *testing.T) {
	for name, door := range map[string]http.Handler{
		"login":     http.RedirectHandler("/users/sign_in", http.StatusFound),
		"not found": http.NotFoundHandler(),
		"forbidden": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }),
	} {
		t.Run(name, func(t *testing.T) {
			s := &gittest.Server{}
			_, commit, _ := sample(s)
			s.Intercept(func(w http.ResponseWriter, r *http.Request, asked gittest.Request) bool {
				if strings.Contains(r.URL.Path, ".git/") {
					return false
				}
				if asked.Command == "advertise" {
					http.Redirect(w, r, "/a/b.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
					return true
				}
				door.ServeHTTP(w, r)
				return true
			})
			r := open(t, serve(t, s)+"/a/b", "")
			if refs, err := r.Refs(context.Background(), []string{"refs/tags/v1"}); err != nil || find(refs, "refs/tags/v1").Commit() != commit {
				t.Errorf("refs: %+v, %v", refs, err)
			}
			if _, err := fetch(r, commit); err != nil {
				t.Error(err)
			}
			if got := commands(s.Requests()); !slices.Equal(got, []string{"ls-refs", "advertise", "advertise", "ls-refs", "fetch"}) {
				t.Errorf("asked: %v", got)
			}
		})
	}
}

func TestFaultsAreToldApart(t *testing.T) {
	status := func(code int, header ...string) gittest.Intercept {
		return func(w http.ResponseWriter, _ *http.Request, _ gittest.Request) bool {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			http.Error(w, "try\nagain", code)
			return true
		}
	}
	for name, tc := range map[string]struct {
		intercept gittest.Intercept
		want      string
		temporary bool
	}{
		"busy":      {status(503, "Retry-After", "7"), "HTTP status 503 Service Unavailable (try)", true},
		"too often": {status(429), "HTTP status 429", true},
		"broken":    {status(500), "HTTP status 500", true},
		"gone":      {status(410), "HTTP status 410 Gone", false},
		"not there": {status(404), "HTTP status 404 Not Found", false},
		"no method": {status(501), "HTTP status 501", false},
		"a page": {func(w http.ResponseWriter, _ *http.Request, _ gittest.Request) bool {
			io.WriteString(w, "<html>")
			return true
		}, `not a git server: it answers with "text/html`, false},
		"reset":       {func(http.ResponseWriter, *http.Request, gittest.Request) bool { panic(http.ErrAbortHandler) }, "EOF", true},
		"cut":         {answer("0010pack"), errCut.Error(), true},
		"nothing":     {answer(""), errCut.Error(), true},
		"no pkt-line": {answer("zzzz"), "begins no pkt-line", false},
		"git died":    {answer(line("ERR no\nx")), "the git server says: no", true},
		"no pack":     {answer("0000"), "its answer has no pack", false},
		"died within": {answer(line("packfile") + line("\x02x") + line("\x03fatal: out\x1b[1m of memory")), "the git server says: fatal: out[1m of memory", true},
		"cut within":  {answer(line("packfile") + line("\x01PACK")), errCut.Error(), true},
		"a band":      {answer(line("packfile") + line("\x09PACK")), "band 9", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &gittest.Server{}
			s.Intercept(tc.intercept)
			_, commit, _ := sample(s)
			_, err := fetch(open(t, serve(t, s)+"/a/b", ""), commit)
			if err == nil || !strings.Contains(err.Error(), tc.want) || Temporary(err) != tc.temporary {
				t.Errorf("got %v (temporary: %v), want %s", err, Temporary(err), tc.want)
			}
			if failed := (*StatusError)(nil); name == "busy" && (!errors.As(err, &failed) || failed.RetryAfter != 7*time.Second) {
				t.Errorf("Retry-After: %+v", failed)
			}
		})
	}
}

func line(text string) string {
	var p packets
	return p.line(text).String()
}

// answer gives every request these pkt-lines.
func answer(text string) gittest.Intercept {
	return func(w http.ResponseWriter, _ *http.Request, asked gittest.Request) bool {
		w.Header().Set("Content-Type", resultType)
		if asked.Command == "advertise" {
			w.Header().Set("Content-Type", advertType)
			text := line("version 2") + line("ls-refs") + line("fetch=shallow") + "0000"
			io.WriteString(w, text)
			return true
		}
		io.WriteString(w, text)
		return true
	}
}

func TestASilentServerIsLeft(t *testing.T) {
	for name, intercept := range map[string]gittest.Intercept{
		"before the answer": func(_ http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
			<-r.Context().Done()
			return true
		},
		"within the pack": func(w http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
			w.Header().Set("Content-Type", resultType)
			io.WriteString(w, line("packfile")+line("\x01PACK"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &gittest.Server{}
			s.Intercept(intercept)
			_, commit, _ := sample(s)
			r, err := Open(Options{URL: serve(t, s) + "/a/b", Transport: transport(t), Stall: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fetch(r, commit); !errors.Is(err, ErrStalled) || !Temporary(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestACancelledFetchEndsWithTheCause(t *testing.T) {
	arrived := make(chan struct{}, 1)
	s := &gittest.Server{}
	s.Intercept(func(_ http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
		arrived <- struct{}{}
		<-r.Context().Done()
		return true
	})
	r := open(t, serve(t, s)+"/a/b", "")
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-arrived
		cancel(cause)
	}()
	if _, err := r.Refs(ctx, nil); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheUserComeBackAsTheyAre(t *testing.T) {
	s := &gittest.Server{}
	_, commit, _ := sample(s)
	mine := errors.New("disk full")
	err := open(t, serve(t, s)+"/a/b", "").Fetch(context.Background(), commit, func(io.Reader) error { return mine })
	if err != mine {
		t.Errorf("got %v", err)
	}
	if got := commands(s.Requests()); !slices.Equal(got, []string{"fetch"}) {
		t.Errorf("asked: %v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "/srv/x", "file:///x", "git://host/a/b", "https://", "https://h/a?x", "ssh://h/a'b", "u@h:a$(x)"} {
		if r, err := Open(Options{URL: url}); err == nil {
			t.Errorf("%q: got %+v", url, r)
		}
	}
	if _, err := Open(Options{URL: "https://h/a/b", Password: common.NewSecret("x")}); err != nil {
		t.Error(err)
	}
}
