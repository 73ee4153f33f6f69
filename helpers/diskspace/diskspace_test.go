package diskspace

import (
	"path/filepath"
	"testing"
)

func TestFreeIsAboutADirectoryThatIsThere(t *testing.T) {
	dir := t.TempDir()
	if free, err := Free(dir); err != nil || free == 0 {
		t.Errorf("%d, %v", free, err)
	}
	if free, err := Free(filepath.Join(dir, "not", "there")); err == nil {
		t.Errorf("%d bytes where nothing is", free)
	}
}
