package docker

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A copy is made where no link can be: what it may be read by is not the
// umask's affair.
func TestACopiedTreeIsReadableByAll(t *testing.T) {
	source, err := os.MkdirTemp("/dev/shm", "import-")
	if err != nil {
		t.Skip("no other file system:", err)
	}
	defer os.RemoveAll(source)
	for name, mode := range map[string]os.FileMode{"plain": 0o644, "program": 0o755} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	target := t.TempDir()
	before := syscall.Umask(0o077)
	err = showTree(t.Context(), source, target, "it")
	syscall.Umask(before)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"plain": 0o644, "program": 0o755} {
		info, err := os.Stat(filepath.Join(target, "it", name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
