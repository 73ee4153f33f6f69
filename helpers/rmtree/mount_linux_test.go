package rmtree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bind mounts a directory with a file elsewhere in the tree.
func bind(t *testing.T) (dir, point, outside string) {
	t.Helper()
	base := t.TempDir()
	outside = filepath.Join(base, "outside", "file")
	write(t, outside)
	dir = filepath.Join(base, "tree")
	point = filepath.Join(dir, "sub", "mounted")
	write(t, filepath.Join(dir, "sub", "file"))
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(filepath.Dir(outside), point, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	return dir, point, outside
}

func TestRemoveUnmountsAndTouchesNothingOfIt(t *testing.T) {
	dir, _, outside := bind(t)
	if err := Remove(dir); err != nil {
		t.Fatal(err)
	}
	if exists(dir) {
		t.Error("the tree is left")
	}
	if !exists(outside) {
		t.Error("what was mounted is gone")
	}
}

func TestWhatCannotBeUnmountedIsLeftAlone(t *testing.T) {
	dir, point, outside := bind(t)
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer parent.Close()
	r := &remover{kept: []string{point}}
	r.directory(parent, "tree", dir)
	if err := r.err(); err == nil || !strings.Contains(err.Error(), point) {
		t.Errorf("the error does not name the mount: %v", err)
	}
	if !exists(outside) {
		t.Error("what was mounted is gone")
	}
	if exists(filepath.Join(dir, "sub", "file")) {
		t.Error("what could be removed is left")
	}
}
