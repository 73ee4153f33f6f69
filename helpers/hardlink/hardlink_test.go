//go:build unix

package hardlink

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALinkToAFileOfSomebodyElseIsForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, who alone can make files of others")
	}
	dir := t.TempDir()
	const owner, other = 65534, 65533
	if err := os.Chown(dir, owner, owner); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		uid     int
		linked  bool
		foreign bool
	}{
		"own":            {owner, false, false},
		"own, linked":    {owner, true, false},
		"other":          {other, false, false},
		"other, linked":  {other, true, true},
		"root's":         {0, false, false},
		"root's, linked": {0, true, true},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, tc.uid, tc.uid); err != nil {
			t.Fatal(err)
		}
		if tc.linked {
			if err := os.Link(file, filepath.Join(t.TempDir(), "link")); err != nil {
				t.Skip(err)
			}
		}
		d, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := Foreign(d, f); got != tc.foreign {
			t.Errorf("%s: %v", name, got)
		}
	}
}
