package store

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multirunner/workflow/action/gitpack"
	"multirunner/workflow/action/gittest"
)

// times makes the first requests of a command go wrong.
func times(n int, command string, fault func(http.ResponseWriter, *http.Request)) gittest.Intercept {
	var count atomic.Int32
	return func(w http.ResponseWriter, r *http.Request, asked gittest.Request) bool {
		if asked.Command != command || int(count.Add(1)) > n {
			return false
		}
		fault(w, r)
		return true
	}
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

func reset(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// hang never answers a fetch, and tells that it was asked.
func hang(arrived chan<- struct{}) gittest.Intercept {
	return func(_ http.ResponseWriter, r *http.Request, asked gittest.Request) bool {
		if asked.Command != "fetch" {
			return false
		}
		arrived <- struct{}{}
		<-r.Context().Done()
		return true
	}
}

// cut ends within the answer.
func cut(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
	}
	fmt.Fprint(w, "00ffpackfile")
}

func TestFaultsOfServersAreTriedAgain(t *testing.T) {
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"busy": status(503), "broken gateway": status(502), "too often": status(429), "reset": reset, "silent": silent, "cut": cut,
	} {
		for _, command := range []string{"ls-refs", "fetch"} {
			t.Run(name+" at "+command, func(t *testing.T) {
				b := newBench(t)
				b.publish("a/b", "one")
				b.server.Intercept(times(2, command, fault))
				p := b.prepare(b.store(func(o *Options) { o.Stall = 100 * time.Millisecond }), b.request("a/b@v1"))
				b.wantFile(p.Actions[0], "action.yml", "name: one")
				b.wantRow("it is tried again in")

				b.server.Intercept(times(9, command, fault))
				b.publish("a/b", "two")
				err := b.fail(b.store(func(o *Options) { o.Stall = 100 * time.Millisecond }), b.request("a/b@v1"))
				if !strings.Contains(err.Error(), "(3 attempts)") || !strings.Contains(err.Error(), "can this machine reach the server?") {
					t.Errorf("got %v", err)
				}
				if left := b.list("temp"); len(left) != 0 {
					t.Errorf("left: %v", left)
				}
				if n := b.entries(); n != 1 {
					t.Errorf("%d entries", n)
				}
			})
		}
	}
}

func TestErrorsNameTheActionAndWhatToDo(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	tree := gittest.Tree(gittest.Entry{Mode: "100644", Name: "..", ID: b.server.Repo("a/b").Store(gittest.BlobKind, nil)})
	hostile := b.server.Repo("a/b").CommitTree(b.server.Repo("a/b").Store(gittest.TreeKind, tree))
	const zero = "0000000000000000000000000000000000000000"
	for uses, want := range map[string][]string{
		"a/b@v9":         {"action a/b@v9 (" + b.url + "/a/b at v9): ", ErrNoRef.Error(), "check what stands behind the @"},
		"a/b@deadbeef":   {ErrNoRef.Error(), "a commit must be given in full, with all 40 digits"},
		"a/b@" + zero:    {"no such commit", "check the digits behind the @"},
		"a/none@v1":      {"action a/none@v1 (", "HTTP status 401", "the repository is not there, or private", "on the server that the instance names as default"},
		"a/b@" + hostile: {`refused: a file named ".."`},
	} {
		err := b.fail(b.store(), b.request(uses))
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is missing in: %v", uses, part, err)
			}
		}
		if strings.Contains(err.Error(), "attempts") {
			t.Errorf("%s was tried again: %v", uses, err)
		}
	}
	full := b.fail(b.store(), b.request(b.url+"/a/none/sub@v1"))
	if strings.Contains(full.Error(), "default") {
		t.Errorf("the URL was given: %v", full)
	}
}

func TestAllThatIsWrongIsTold(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	err := b.fail(b.store(), b.requests("a/b@v1", "a/b@v8", "a/b/sub@v8", "a/none@v1", "a/b@v9")...)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "a/b@v8") || !strings.Contains(lines[1], "a/none@v1") || !strings.Contains(lines[2], "a/b@v9") {
		t.Errorf("got %v", err)
	}
	var one *Error
	if !errors.As(err, &one) || one.Action != "a/b@v8" || one.URL != b.url+"/a/b" || one.Ref != "v8" || !errors.Is(one, ErrNoRef) {
		t.Errorf("got %+v", one)
	}
}

func TestPacksThatAreWrongAreTriedAgainAndRefused(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	b.server.Repo("a/b").Send([]byte("no pack at all, however long it may be"))
	err := b.fail(b.store(), b.request("a/b@v1"))
	if !errors.Is(err, gitpack.ErrMalformed) || !strings.Contains(err.Error(), "(3 attempts)") {
		t.Errorf("got %v", err)
	}
	b.asked()
	other := b.server.Repo("x/y")
	b.server.Repo("a/b").Send(other.Pack(other.Commit(gittest.Files{"x": gittest.Text("another repository's")})))
	if err := b.fail(b.store(), b.request("a/b@v1")); !errors.Is(err, gitpack.ErrMissing) {
		t.Errorf("got %v", err)
	}
	b.wantAsked("fetch a/b", "ls-refs a/b")
}

func TestLargeRepositoriesAreRefused(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", strings.Repeat("x", 10_000))
	small := gitpack.DefaultLimits()
	small.Files = 5000
	err := b.fail(b.store(func(o *Options) { o.Limits = small }), b.request("a/b@v1"))
	if !errors.Is(err, gitpack.ErrLimit) || !strings.Contains(err.Error(), "must be smaller") {
		t.Errorf("got %v", err)
	}
	b.prepare(b.store(), b.request("a/b@v1"))
}

func TestARefusalByOneDoesNotKeepTheOthersWaiting(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	b.publish("a/c", "two")
	b.server.Intercept(func(w http.ResponseWriter, r *http.Request, asked gittest.Request) bool {
		if asked.Repo == "a/c" {
			http.Error(w, "no", http.StatusInternalServerError)
			return true
		}
		return false
	})
	err := b.fail(b.store(), b.requests("a/b@v1", "a/c@v1")...)
	if strings.Contains(err.Error(), "a/b@v1") || !strings.Contains(err.Error(), "a/c@v1") {
		t.Errorf("got %v", err)
	}
	b.server.Intercept(nil)
	b.asked()
	b.prepare(b.store(), b.requests("a/b@v1", "a/c@v1")...)
	b.wantAsked("fetch a/c", "ls-refs a/b", "ls-refs a/c")
}
