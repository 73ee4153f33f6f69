//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestANewFileGetsTheModeAndAnOldOneKeepsItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o644 {
		t.Errorf("new file: mode %o", got)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o640 {
		t.Errorf("old file: mode %o, want 640", got)
	}
}

func TestTheOwnerIsKept(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make a file of somebody else")
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1234, 2345); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 2345 {
		t.Errorf("owner is now %d:%d", st.Uid, st.Gid)
	}
}

func TestSymbolicLinksAreFollowed(t *testing.T) {
	for name, exists := range map[string]bool{"to a file": true, "to nothing yet": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			target, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
			if exists {
				if err := os.WriteFile(target, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("real", link); err != nil {
				t.Fatal(err)
			}
			if err := Write(link, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := os.Readlink(link); err != nil || got != "real" {
				t.Errorf("the link is %q now, %v", got, err)
			}
			if got := content(t, target); got != "x" {
				t.Errorf("target is %q", got)
			}
		})
	}
	t.Run("to itself", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink("link", link); err != nil {
			t.Fatal(err)
		}
		if err := Write(link, nil, 0o600); err == nil {
			t.Error("no error")
		}
	})
}

func TestAFileInAClosedDirectoryIsWrittenInPlace(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to any directory")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "new" {
		t.Errorf("got %q", got)
	}
}

func TestErrorsOfMountPointsMeanWritingInPlace(t *testing.T) {
	rename := func(errno syscall.Errno) error {
		return &os.LinkError{Op: "rename", Old: "a", New: "b", Err: errno}
	}
	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.EXDEV, syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		if !mustStay(rename(errno)) {
			t.Errorf("%v: not written in place", errno)
		}
	}
	if mustStay(nil) || mustStay(rename(syscall.ENOSPC)) || mustStay(errors.New("else")) {
		t.Error("other errors must not lead to writing in place")
	}
}
