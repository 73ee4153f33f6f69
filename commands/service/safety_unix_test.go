//go:build unix

package service

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// self is the account that the test runs as.
func self(t *testing.T) Account {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return account(t, me.Username)
}

func account(t *testing.T, name string) Account {
	t.Helper()
	a, err := LookupAccount(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// nobody is another user, which only root can act as.
func nobody(t *testing.T) Account {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to act as another user")
	}
	return account(t, "nobody")
}

func file(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return chmod(t, path, mode)
}

func dir(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return chmod(t, path, mode)
}

func chmod(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// enterable is a temporary directory that every user may enter.
func enterable(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	for p := base; p != filepath.Clean(os.TempDir()); p = filepath.Dir(p) {
		chmod(t, p, 0o755)
	}
	return base
}

func fails(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	if a := account(t, ""); !a.IsRoot() || a.Name() != "root" {
		t.Errorf("got %+v", a)
	}
	_, err := LookupAccount("no-such-user")
	fails(t, err, "--user", "no-such-user", "useradd")
}

func TestFilesThatOthersCanChangeAreNotProtected(t *testing.T) {
	a := self(t)
	top := dir(t, filepath.Join(t.TempDir(), "top"), 0o755)
	good := file(t, filepath.Join(top, "good"), 0o600)
	if err := a.CheckProtected(good); err != nil {
		t.Error(err)
	}
	fails(t, a.CheckProtected(file(t, filepath.Join(top, "open"), 0o602)), "open can be written by everybody", "chmod o-w")

	loose := dir(t, filepath.Join(top, "loose"), 0o757)
	inLoose := file(t, filepath.Join(loose, "file"), 0o600)
	fails(t, a.CheckProtected(inLoose), inLoose+" is not safe there", loose+" can be written by everybody")
	chmod(t, loose, 0o757|fs.ModeSticky)
	if err := a.CheckProtected(inLoose); err != nil {
		t.Errorf("sticky: %v", err)
	}

	// A link is as safe as what it leads to.
	link := filepath.Join(top, "link")
	if err := os.Symlink(filepath.Join(top, "open"), link); err != nil {
		t.Fatal(err)
	}
	fails(t, a.CheckProtected(link), "can be written by everybody")
	fails(t, a.CheckProtected(filepath.Join(top, "missing")), "no such file")
}

func TestFilesOfOtherUsersAreNotProtected(t *testing.T) {
	other := nobody(t)
	top := dir(t, filepath.Join(t.TempDir(), "top"), 0o755)
	path := file(t, filepath.Join(top, "file"), 0o600)
	if err := os.Chown(path, int(other.user.UID), int(other.user.GID)); err != nil {
		t.Fatal(err)
	}
	fails(t, account(t, "root").CheckProtected(path), "belongs to user nobody", "what runs as root")
	if err := other.CheckProtected(path); err != nil {
		t.Errorf("its own: %v", err)
	}

	group := file(t, filepath.Join(top, "group"), 0o660)
	if err := os.Chown(group, 0, int(other.user.GID)); err != nil {
		t.Fatal(err)
	}
	fails(t, account(t, "root").CheckProtected(group), "can be written by group", "chmod g-w")
	if err := os.Chown(group, 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := account(t, "root").CheckProtected(group); err != nil {
		t.Errorf("group root: %v", err)
	}
}

func TestWhatAnotherUserCannotReadOrRun(t *testing.T) {
	a := nobody(t)
	base := enterable(t)
	closed := file(t, filepath.Join(base, "closed"), 0o600)
	fails(t, a.CheckReadable(t.Context(), closed), "user nobody cannot read "+closed, "chown nobody")
	if err := a.CheckReadable(t.Context(), chmod(t, closed, 0o604)); err != nil {
		t.Error(err)
	}
	fails(t, a.CheckRunnable(t.Context(), closed), "cannot run")
	if err := a.CheckRunnable(t.Context(), chmod(t, closed, 0o755)); err != nil {
		t.Error(err)
	}

	inner := dir(t, filepath.Join(base, "outer", "inner"), 0o755)
	chmod(t, filepath.Join(base, "outer"), 0o700)
	deep := file(t, filepath.Join(inner, "file"), 0o644)
	fails(t, a.CheckReadable(t.Context(), deep), deep, filepath.Join(base, "outer")+" is closed to it")
}

func TestOneCanReadOnesOwnFile(t *testing.T) {
	a := self(t)
	path := file(t, filepath.Join(t.TempDir(), "a b $c"), 0o600)
	if err := a.CheckReadable(t.Context(), path); err != nil {
		t.Error(err)
	}
}

func wantDir(t *testing.T, path string, mode fs.FileMode, uid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != mode|fs.ModeDir || got != uid {
		t.Errorf("%s: mode %v of user %d, want %v of user %d", path, info.Mode(), got, mode|fs.ModeDir, uid)
	}
}

func TestTheStateDirectoryIsMade(t *testing.T) {
	a := self(t)
	top := t.TempDir()
	state := filepath.Join(top, "new", "state")
	for range 2 { // an install may be repeated
		if err := a.MakeStateDir(t.Context(), state, false); err != nil {
			t.Fatal(err)
		}
		wantDir(t, filepath.Dir(state), 0o755, a.user.UID)
		wantDir(t, state, 0o700, a.user.UID)
		wantDir(t, filepath.Join(state, "builds"), 0o700, a.user.UID)
	}
	if err := a.MakeStateDir(t.Context(), state, true); err != nil {
		t.Fatal(err)
	}
	wantDir(t, state, 0o711, a.user.UID)
	wantDir(t, filepath.Join(state, "builds"), 0o711, a.user.UID)

	empty := dir(t, filepath.Join(top, "empty"), 0o755)
	if err := a.MakeStateDir(t.Context(), empty, false); err != nil {
		t.Fatal(err)
	}
	wantDir(t, empty, 0o700, a.user.UID)
}

func TestTheStateDirectoryIsGivenToTheUser(t *testing.T) {
	a := nobody(t)
	state := filepath.Join(enterable(t), "state")
	if err := a.MakeStateDir(t.Context(), state, false); err != nil {
		t.Fatal(err)
	}
	wantDir(t, state, 0o700, a.user.UID)
	closed := dir(t, filepath.Join(t.TempDir(), "closed"), 0o700)
	fails(t, a.MakeStateDir(t.Context(), filepath.Join(closed, "state"), false), "user nobody cannot enter", closed)
	fails(t, account(t, "root").MakeStateDir(t.Context(), state, false), "belongs to user nobody", "chown -R root")
}

func TestDirectoriesThatAreNoStateDirectoryAreLeftAlone(t *testing.T) {
	a := self(t)
	home := dir(t, filepath.Join(t.TempDir(), "home"), 0o755)
	notes := file(t, filepath.Join(home, "notes"), 0o644)
	fails(t, a.MakeStateDir(t.Context(), home, false), "has other things in it", "--working-directory")
	wantDir(t, home, 0o755, a.user.UID)
	fails(t, a.MakeStateDir(t.Context(), notes, false), "is not a directory")

	loose := dir(t, filepath.Join(t.TempDir(), "loose"), 0o777)
	fails(t, a.MakeStateDir(t.Context(), filepath.Join(loose, "state"), false), "can be written by everybody")
}

func TestALinkInTheStateDirectoryIsNotFollowed(t *testing.T) {
	a := self(t)
	top := t.TempDir()
	victim := dir(t, filepath.Join(top, "victim"), 0o755)
	state := dir(t, filepath.Join(top, "state"), 0o700)
	if err := os.Symlink(victim, filepath.Join(state, "builds")); err != nil {
		t.Fatal(err)
	}
	fails(t, a.MakeStateDir(t.Context(), state, false), "state directory")
	wantDir(t, victim, 0o755, a.user.UID)
}
