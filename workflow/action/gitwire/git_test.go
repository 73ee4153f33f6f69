package gitwire

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"multirunner/workflow/action/gitpack"
)

// realGit makes a repository with the git program and gives the directory of
// repositories, the repository's name and two commits: an old one and the one
// that main, v1 (annotated) and v1.0 lead to.
func realGit(t *testing.T) (root, old, newest string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	root = t.TempDir()
	dir := filepath.Join(root, "owner", "action")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) string {
		t.Helper()
		command := exec.Command("git", args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "-b", "main")
	text := strings.Repeat("some text that compresses\n", 500)
	for i, content := range []string{text + "one", text + "two"} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "copy"), []byte(content+content), 0o755); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "-q", "-m", "x")
		if i == 0 {
			old = git("rev-parse", "HEAD")
		}
	}
	git("tag", "v1.0")
	git("tag", "-a", "-m", "x", "v1")
	git("gc", "-q")
	return root, old, git("rev-parse", "HEAD")
}

// backend serves the repositories with git's own server. Without v2 it hides
// from git which version the client speaks.
func backend(t *testing.T, root string, v2 bool) string {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		t.Skip("git http-backend is not installed")
	}
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		env := []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
		if !v2 {
			r.Header.Del("Git-Protocol")
		}
		if p := r.Header.Get("Git-Protocol"); p != "" {
			env = append(env, "GIT_PROTOCOL="+p)
		}
		(&cgi.Handler{Path: program, Env: env, Stderr: io.Discard}).ServeHTTP(w, r)
	}))
}

func checkRealGit(t *testing.T, r Remote, old, newest string) {
	t.Helper()
	refs, err := r.Refs(context.Background(), []string{"refs/tags/v1", "refs/heads/v1", "refs/heads/main"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"refs/tags/v1", "refs/tags/v1.0", "refs/heads/main"} {
		if got := find(refs, name).Commit(); got != newest {
			t.Errorf("%s: got %q, want %s", name, got, newest)
		}
	}
	for _, id := range []string{newest, find(refs, "refs/tags/v1").ID, old} {
		pack, err := fetch(r, id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		file, err := os.Create(filepath.Join(t.TempDir(), "pack"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		p, err := gitpack.Read(strings.NewReader(string(pack)), file, gitpack.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		dir := t.TempDir()
		tree, err := p.Checkout(id, dir)
		t.Cleanup(func() { os.Chmod(dir, 0o755) })
		if err != nil || tree.Entries != 2 {
			t.Errorf("%s: %+v, %v", id, tree, err)
		}
	}
}

func TestTheRealGitOverHTTP(t *testing.T) {
	root, old, newest := realGit(t)
	t.Run("second version", func(t *testing.T) {
		r := open(t, backend(t, root, true)+"/owner/action", "")
		checkRealGit(t, r, old, newest)
		if r.(*httpRemote).known() != nil {
			t.Error("the server had to introduce itself")
		}
	})
	t.Run("first version", func(t *testing.T) {
		checkRealGit(t, open(t, backend(t, root, false)+"/owner/action", ""), old, newest)
	})
	t.Run("no such commit", func(t *testing.T) {
		_, err := fetch(open(t, backend(t, root, true)+"/owner/action", ""), strings.Repeat("1", 40))
		if !errors.Is(err, ErrNoCommit) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no such repository", func(t *testing.T) {
		_, err := open(t, backend(t, root, true)+"/owner/none", "").Refs(context.Background(), nil)
		if !Denied(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheRealGitOverSSH(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the ssh of this test is a shell script")
	}
	root, old, newest := realGit(t)
	script := filepath.Join(t.TempDir(), "ssh")
	text := "#!/bin/sh\nfor last; do :; done\ncase \"$*\" in *refuse*) echo 'motd' >&2; echo 'git@refuse: Permission denied (publickey).' >&2; exit 255;; esac\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Open(Options{URL: "ssh://git@host:2222" + root + "/owner/action", SSH: []string{script, "-F", "none"}, Stall: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	checkRealGit(t, r, old, newest)
	if r, err = Open(Options{URL: "git@refuse:owner/action", SSH: []string{script}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refs(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "Permission denied (publickey)") {
		t.Errorf("got %v", err)
	}
	if r, err = Open(Options{URL: "git@host:owner/action", SSH: []string{filepath.Join(root, "none")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(r, old); err == nil {
		t.Error("no ssh program: no error")
	}
}
