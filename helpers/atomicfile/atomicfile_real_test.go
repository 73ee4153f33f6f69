//go:build real && linux

package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFileThatIsAMountPointIsWrittenInPlace(t *testing.T) {
	dir := t.TempDir()
	outside, path := filepath.Join(dir, "outside"), filepath.Join(dir, "config.toml")
	for _, file := range []string{outside, path} {
		if err := os.WriteFile(file, []byte("the old and longer text"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount(outside, path, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("cannot mount here: %v", err)
	}
	defer unix.Unmount(path, 0)
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := content(t, outside); got != "new" {
		t.Errorf("behind the mount is %q", got)
	}
	if got := mode(t, outside); got != 0o640 {
		t.Errorf("mode %o", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("temporary files are left: %v, %v", entries, err)
	}
}
