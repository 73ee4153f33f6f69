//go:build unix

package shell

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/common"
)

// write makes a file and its directories.
func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// newRepository gives a work tree with a commit, changes, and things around it.
func newRepository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "repo")
	write(t, filepath.Join(dir, "tracked"), "as committed\n", 0o644)
	write(t, filepath.Join(dir, "deleted"), "x", 0o644)
	write(t, filepath.Join(dir, "bin", "tool"), "#!/bin/sh\necho works\n", 0o755)
	write(t, filepath.Join(dir, ".gitignore"), "ignored\n", 0o644)
	if err := os.Symlink("../tracked", filepath.Join(dir, "bin", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "outside")); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "first")
	write(t, filepath.Join(dir, "tracked"), "changed\n", 0o644)
	write(t, filepath.Join(dir, "ignored"), "x", 0o644)
	write(t, filepath.Join(dir, "new file"), "x", 0o640)
	write(t, filepath.Join(dir, ".git", "index.lock"), "", 0o644)
	if err := os.Remove(filepath.Join(dir, "deleted")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copied gives an executor whose workspace is a copy.
func copied(t *testing.T, source string) (common.Executor, string) {
	t.Helper()
	spec := newSpec(t)
	spec.Workspace = common.Workspace{Mode: common.WorkspaceCopy, Source: source}
	return prepared(t, spec)
}

// list gives the files below a directory, sorted, without a repository's own.
func list(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCopyOfAWorkTree(t *testing.T) {
	source := newRepository(t)
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(filepath.Join(source, "tracked"), old, old); err != nil {
		t.Fatal(err)
	}
	e, log := copied(t, source)
	work := e.Paths().Workspace
	if got, want := list(t, work), []string{".gitignore", "bin/link", "bin/tool", "new file", "outside", "tracked"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if !strings.Contains(log, source) || !strings.Contains(log, "as git lists them") || strings.Count(log, "\n") != 1 {
		t.Errorf("progress %q", log)
	}
	for name, want := range map[string]string{"bin/link": "../tracked", "outside": "/etc"} {
		if got, err := os.Readlink(filepath.Join(work, name)); err != nil || got != want {
			t.Errorf("%s links to %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]os.FileMode{"bin/tool": 0o755, "new file": 0o640} {
		if info, err := os.Stat(filepath.Join(work, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if info, err := os.Stat(filepath.Join(work, "tracked")); err != nil || !info.ModTime().Equal(old) {
		t.Errorf("time of change: %v, %v", info.ModTime(), err)
	}

	// It is a checkout: what differs from the commit is what differed there.
	git(t, work, "add", "-A")
	if got := git(t, work, "status", "--short", "--no-renames"); got != "D  deleted\nA  \"new file\"\nM  tracked\n" {
		t.Errorf("git says %q", got)
	}
	git(t, work, "commit", "-q", "-m", "second")
	if got := strings.TrimSpace(git(t, source, "rev-list", "--count", "HEAD")); got != "1" {
		t.Errorf("the original has %s commits now", got)
	}
}

func TestCopyOfALinkedWorkTreeIsARepositoryOfItsOwn(t *testing.T) {
	main := newRepository(t)
	if err := os.Remove(filepath.Join(main, ".git", "index.lock")); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(filepath.Dir(main), "linked")
	git(t, main, "worktree", "add", "-q", "-b", "side", linked)
	write(t, filepath.Join(linked, "tracked"), "on the side\n", 0o644)
	git(t, linked, "commit", "-q", "-a", "-m", "side")
	e, _ := copied(t, linked)
	work := e.Paths().Workspace
	if got := strings.TrimSpace(git(t, work, "rev-parse", "--abbrev-ref", "HEAD")); got != "side" {
		t.Errorf("on branch %s", got)
	}
	if got := git(t, work, "status", "--short"); got != "" {
		t.Errorf("git says %q", got)
	}
	git(t, work, "commit", "-q", "--allow-empty", "-m", "in the copy")
	if got := strings.TrimSpace(git(t, linked, "rev-list", "--count", "HEAD")); got != "2" {
		t.Errorf("the original has %s commits now", got)
	}
}

func TestCopyFollowsTheRulesOfSubmodules(t *testing.T) {
	source := newRepository(t)
	if err := os.Remove(filepath.Join(source, ".git", "index.lock")); err != nil {
		t.Fatal(err)
	}
	module := newRepository(t)
	git(t, source, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module, "module")
	write(t, filepath.Join(source, "module", "ignored"), "x", 0o644)
	write(t, filepath.Join(source, "module", "extra"), "x", 0o644)

	t.Run("within the source", func(t *testing.T) {
		e, _ := copied(t, source)
		files := list(t, filepath.Join(e.Paths().Workspace, "module"))
		if slices.Contains(files, "ignored") || !slices.Contains(files, "extra") || !slices.Contains(files, "bin/tool") {
			t.Errorf("files %q", files)
		}
		if got := git(t, filepath.Join(e.Paths().Workspace, "module"), "status", "--short"); got != "?? extra\n" {
			t.Errorf("git says %q", got)
		}
	})
	t.Run("as the source", func(t *testing.T) {
		e, _ := copied(t, filepath.Join(source, "module"))
		if got := git(t, e.Paths().Workspace, "status", "--short"); got != "?? extra\n" {
			t.Errorf("git says %q", got)
		}
	})
}

func TestCopyOfAPartOfAWorkTree(t *testing.T) {
	source := newRepository(t)
	e, _ := copied(t, filepath.Join(source, "bin"))
	if got := list(t, e.Paths().Workspace); !slices.Equal(got, []string{"link", "tool"}) {
		t.Errorf("files %q", got)
	}
}

func TestCopyOfAPlainDirectory(t *testing.T) {
	source := t.TempDir()
	write(t, filepath.Join(source, "a", "file"), "x", 0o644)
	write(t, filepath.Join(source, "latin-\xe9", "name-\xe9"), "x", 0o644)
	if err := os.Mkdir(filepath.Join(source, "empty"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(source, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, log := copied(t, source)
	if got := list(t, e.Paths().Workspace); !slices.Equal(got, []string{"a/file", "latin-\xe9/name-\xe9"}) {
		t.Errorf("files %q", got)
	}
	if info, err := os.Stat(filepath.Join(e.Paths().Workspace, "empty")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the empty directory: %v, %v", info, err)
	}
	if !strings.Contains(log, "Copied 2 files (2 bytes)") || !strings.Contains(log, "1 pipes") {
		t.Errorf("progress %q", log)
	}
}

func TestCopyLeavesItselfOut(t *testing.T) {
	spec := newSpec(t)
	source := filepath.Dir(filepath.Dir(spec.Dirs.Build))
	write(t, filepath.Join(source, "file"), "x", 0o644)
	spec.Workspace = common.Workspace{Mode: common.WorkspaceCopy, Source: source}
	e, _ := prepared(t, spec)
	if got := list(t, e.Paths().Workspace); !slices.Equal(got, []string{"file"}) {
		t.Errorf("files %q", got)
	}
}

func TestCopyNamesWhatItMayNotRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	source := t.TempDir()
	write(t, filepath.Join(source, "closed"), "x", 0)
	write(t, filepath.Join(source, "open"), "x", 0o644)
	e, log := copied(t, source)
	if got := list(t, e.Paths().Workspace); !slices.Equal(got, []string{"open"}) || !strings.Contains(log, "closed") {
		t.Errorf("files %q, progress %q", got, log)
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	spec := newSpec(t)
	spec.Workspace = common.Workspace{Mode: common.WorkspaceCopy, Source: t.TempDir()}
	write(t, filepath.Join(spec.Workspace.Source, "file"), "x", 0o644)
	e, err := NewProvider(nil, Options{}).Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(common.ErrKill)
	if err := e.Prepare(ctx, io.Discard); err == nil {
		t.Error("prepared")
	}
	if err := e.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSizeIsReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3072.0 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
