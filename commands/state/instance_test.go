package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAStateDirectoryKeepsItsIdentity(t *testing.T) {
	root := t.TempDir()
	instance := func() (string, bool) {
		t.Helper()
		d, err := Open(root)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		id, made, err := d.Instance()
		if err != nil {
			t.Fatal(err)
		}
		return id, made
	}
	first, made := instance()
	if first == "" || !made {
		t.Errorf("identity %q, made %v", first, made)
	}
	if again, made := instance(); again != first || made {
		t.Errorf("the next start has %q, made %v; the first had %q", again, made, first)
	}
	if info, err := os.Stat(filepath.Join(root, instanceName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

func TestAnIdentityThatIsDamagedIsNotReplaced(t *testing.T) {
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	path := filepath.Join(d.Root(), instanceName)
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, _, err := d.Instance(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %q, %v; want an error that names %s", id, err, path)
	}
}
