package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"multirunner/workflow/action"
	"multirunner/workflow/action/gittest"
)

func TestTheSecondJobCopiesNothing(t *testing.T) {
	b := newBench(t)
	commit := b.publish("a/b", "one")
	first := b.prepare(b.store(), b.request("a/b@v1"))
	b.wantAsked("fetch a/b", "ls-refs a/b")
	b.wantFile(first.Actions[0], "action.yml", "name: one")
	b.wantRow("a/b@v1", "fetched")
	if got := first.Actions[0].Commit; got != commit {
		t.Errorf("commit %s, want %s", got, commit)
	}
	second := b.prepare(b.store(), b.request("a/b@v1"))
	b.wantAsked("ls-refs a/b")
	if second.Actions[0].Root != first.Actions[0].Root || !filepath.IsAbs(second.Actions[0].Root) {
		t.Errorf("the second job has %s, the first %s", second.Actions[0].Root, first.Actions[0].Root)
	}
}

func TestAPinnedCommitNeedsNoNetwork(t *testing.T) {
	b := newBench(t)
	commit := b.publish("a/b", "one")
	b.prepare(b.store(), b.request("a/b@"+strings.ToUpper(commit)))
	b.wantAsked("fetch a/b")
	p := b.prepare(b.store(), b.request("a/b@"+commit))
	b.wantAsked()
	b.wantFile(p.Actions[0], "dist/index.js", "one")
}

func TestRefsAreResolvedAnew(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	b.prepare(b.store(), b.request("a/b@main"))
	b.publish("a/b", "two")
	p := b.prepare(b.store(), b.request("a/b@main"))
	b.wantFile(p.Actions[0], "action.yml", "name: two")
	if n := b.entries(); n != 2 {
		t.Errorf("%d entries, want the old and the new one", n)
	}
}

func TestARepositoryIsAskedOnceForAllRefs(t *testing.T) {
	b := newBench(t)
	repo := b.server.Repo("a/b")
	one := repo.Commit(gittest.Files{"x": gittest.Text("1")})
	two := repo.Commit(gittest.Files{"x": gittest.Text("2"), "sub/y": gittest.Text("y")})
	repo.Tag("v1", one)
	repo.Annotate("v2", two)
	repo.Branch("v2", one)
	repo.Branch("feature/x", two)
	repo.Ref("refs/pull/7/head", one)
	p := b.prepare(b.store(), b.requests("a/b@v1", "a/b/sub@v2", "a/b@feature/x", "a/b@refs/heads/v2", "a/b@pull/7/head", "a/b@"+two, "a/b/sub@v1")...)
	b.wantAsked("fetch a/b", "fetch a/b", "ls-refs a/b")
	for i, want := range []string{one, two, two, one, one, two, one} {
		if got := p.Actions[i]; got.Commit != want {
			t.Errorf("%s is %s, want %s", got.Reference, got.Commit, want)
		}
	}
	sub, known := p.Get(action.Reference{Name: "a/b", Path: "sub", Ref: "v2"})
	if !known || sub.Dir() != filepath.Join(sub.Root, "sub") {
		t.Errorf("got %+v, %v", sub, known)
	}
	b.wantFile(sub, "sub/y", "y")
}

func TestTreesAreReadOnlyAndReadableByOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes of Unix")
	}
	b := newBench(t)
	b.publish("a/b", "one")
	root := b.prepare(b.store(), b.request("a/b@v1")).Actions[0].Root
	for path, want := range map[string]os.FileMode{
		root: 0o555, filepath.Join(root, "dist"): 0o555, filepath.Join(root, "action.yml"): 0o444,
		filepath.Dir(root): 0o755, filepath.Join(b.dir, "entries"): 0o711, b.dir: 0o711,
		filepath.Join(filepath.Dir(root), "entry.json"): 0o600, filepath.Join(b.dir, "locks"): 0o700, filepath.Join(b.dir, "temp"): 0o700, filepath.Join(b.dir, "refs"): 0o700,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestManyJobsFetchOnce(t *testing.T) {
	b := newBench(t)
	var uses, want []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"} {
		b.publish("owner/"+name, name)
		uses = append(uses, "owner/"+name+"@v1")
		want = append(want, "fetch owner/"+name)
	}
	const jobs = 8
	for _, u := range uses {
		for range jobs {
			want = append(want, "ls-refs "+strings.TrimSuffix(u, "@v1"))
		}
	}
	var wait sync.WaitGroup
	for range jobs {
		wait.Go(func() {
			s := b.store()
			p, err := s.Prepare(context.Background(), b.requests(uses...))
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Release()
			for i, a := range p.Actions {
				b.wantFile(a, "action.yml", "name: "+string(rune('a'+i)))
			}
		})
	}
	wait.Wait()
	b.wantAsked(want...)
	if n := b.entries(); n != 20 {
		t.Errorf("%d entries", n)
	}
	if left := b.list("temp"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestACancelledJobEndsWithTheCause(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	cause := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if _, err := b.store().Prepare(ctx, b.requests("a/b@v1")); err != cause {
		t.Errorf("got %v", err)
	}
	if left := append(b.list("entries"), b.list("temp")...); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestNothingIsNeededForNoRequests(t *testing.T) {
	b := newBench(t)
	b.prepare(b.store())
	if _, err := os.Stat(b.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestWhatIsInNoRepositoryIsRefused(t *testing.T) {
	b := newBench(t)
	for _, uses := range []string{"./x", "docker://alpine"} {
		if err := b.fail(b.store(), b.request(uses)); !strings.Contains(err.Error(), "is in no repository") {
			t.Errorf("%s: %v", uses, err)
		}
	}
	q := b.request("a/b@v1")
	q.URL = "file:///a/b"
	if err := b.fail(b.store(), q); !strings.Contains(err.Error(), "action a/b@v1: ") {
		t.Errorf("got %v", err)
	}
}
