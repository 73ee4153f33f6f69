package tempdir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"multirunner/helpers/process"
)

func TestNothingIsGivenAwayButADirectory(t *testing.T) {
	nobody, err := process.LookupUser("nobody")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and nobody")
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// What a job may put in place of a directory that was just made.
	if err := os.Link(filepath.Join(dir, "file"), filepath.Join(dir, "hard")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "soft")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"hard", "soft"} {
		if err := ownDirectory(root, name, nobody); err == nil {
			t.Errorf("%s was given away", name)
		}
	}
	info, err := root.Stat("file")
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("the file has another owner: %v, %v", info, err)
	}
}
