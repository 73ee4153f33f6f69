package shim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func plant(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEmptyRemovesWhatIsInADirectory(t *testing.T) {
	outside := plant(t, "file")
	dir := plant(t, "a/b/c", "d", ".hidden/e")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	if err := Empty(dir, outside+"-missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(outside, "file")); err != nil {
		t.Error(err)
	}
}

func TestChownGivesATreeAwayAndNothingElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	outside := plant(t, "file", "other")
	dir := plant(t, "a/b/c", "d")
	for name, target := range map[string]string{"link": outside, "a/link": filepath.Join(outside, "file"), "dangling": "nothing"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(outside, "other"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	if err := Chown(4321, 1234, dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{
		dir: 4321, dir + "/a": 4321, dir + "/a/b": 4321, dir + "/a/b/c": 4321, dir + "/d": 4321,
		dir + "/link": 4321, dir + "/a/link": 4321, dir + "/dangling": 4321,
		dir + "/hard": 0, outside: 0, outside + "/file": 0, outside + "/other": 0,
	} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Error(err)
		} else if stat := info.Sys().(*syscall.Stat_t); stat.Uid != want || want != 0 && stat.Gid != 1234 {
			t.Errorf("%s is %d:%d", path, stat.Uid, stat.Gid)
		}
	}
	if err := Chown(1, 1, dir+"/missing"); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}
