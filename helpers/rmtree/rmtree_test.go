package rmtree

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// write makes a file and its directories.
func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func TestRemoveATreeAndAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Join(dir, "a", "b", "c"))
	for range 2 {
		if err := Remove(dir); err != nil {
			t.Fatal(err)
		}
		if exists(dir) {
			t.Error("the tree is left")
		}
	}
}

func TestRemoveNeverFollowsLinks(t *testing.T) {
	base := t.TempDir()
	outside := filepath.Join(base, "outside", "file")
	write(t, outside)
	dir := filepath.Join(base, "tree")
	write(t, filepath.Join(dir, "file"))
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if exists(dir) {
		t.Error("the tree is left")
	}
	if !exists(outside) {
		t.Fatal("a link was followed")
	}

	top := filepath.Join(base, "top")
	if err := os.Symlink(filepath.Dir(outside), top); err != nil {
		t.Fatal(err)
	}
	if err := Remove(top); err != nil {
		t.Fatal(err)
	}
	if exists(top) || !exists(outside) {
		t.Error("a link in place of the tree is not what was removed")
	}
}

func TestRemoveReadOnlyDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Join(dir, "closed", "deep", "file"))
	write(t, filepath.Join(dir, "open", "file"))
	for _, mode := range []struct {
		path string
		mode os.FileMode
	}{{filepath.Join(dir, "closed", "deep"), 0}, {filepath.Join(dir, "closed"), 0o500}, {dir, 0o100}} {
		if err := os.Chmod(mode.path, mode.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if exists(dir) {
		t.Error("the tree is left")
	}
}
