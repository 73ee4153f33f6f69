package unixsocket

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "us") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func reachable(t *testing.T, path string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s stays: %v", path, err)
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
}

func TestASocketIsItsOwnersAndGoneAfterItsEnd(t *testing.T) {
	path := filepath.Join(shortDir(t), "sock")
	l, err := Listen(path, "us-test-")
	if err != nil {
		t.Fatal(err)
	}
	mode(t, path, 0o600)
	reachable(t, path)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	gone(t, path)
}

func TestTheSocketOfADeadProcessIsReplaced(t *testing.T) {
	path := filepath.Join(shortDir(t), "sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(path, "us-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reachable(t, path)
}

func TestALongPathGoesIntoAPrivateTempDirectory(t *testing.T) {
	wanted := filepath.Join(t.TempDir(), strings.Repeat("x", MaxPath), "sock")
	l, err := Listen(wanted, "us-test-")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(l.Path())
	mode(t, dir, 0o700)
	reachable(t, l.Path())
	if err := RemoveStray(l.Path(), "other-"); err != nil {
		t.Error(err)
	}
	reachable(t, l.Path())
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	gone(t, dir)
}

func TestAStrayDirectoryIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "us-test-1")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", filepath.Join(dir, "sock")} {
		if err := RemoveStray(path, "us-test-"); err != nil {
			t.Error(err)
		}
	}
	gone(t, dir)
}
