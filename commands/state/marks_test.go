package state

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
)

func openDir(t *testing.T, root string) *Dir {
	t.Helper()
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMarksOutliveTheProcess(t *testing.T) {
	root := t.TempDir()
	a := common.RegistrationID{URL: "https://one.example", UUID: "a"}
	b := common.RegistrationID{URL: "https://two.example", UUID: "a"}
	d := openDir(t, root)
	for _, id := range []common.RegistrationID{b, a, b} {
		if err := d.AddSpent(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.SetPaused([]common.RegistrationID{a}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openDir(t, root)
	defer d.Close()
	spent, err := d.Spent()
	if diff := cmp.Diff([]common.RegistrationID{b, a}, spent); err != nil || diff != "" {
		t.Errorf("spent: %v\n%s", err, diff)
	}
	paused, err := d.Paused()
	if diff := cmp.Diff([]common.RegistrationID{a}, paused); err != nil || diff != "" {
		t.Errorf("paused: %v\n%s", err, diff)
	}
	if info, err := os.Stat(filepath.Join(root, "paused")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestMarksThatCannotBeReadAreAnError(t *testing.T) {
	for _, text := range []string{"", "no JSON", `{"v":9}`} {
		d := openDir(t, t.TempDir())
		for _, name := range []string{"paused", "spent"} {
			if err := os.WriteFile(filepath.Join(d.Root(), name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Paused(); err == nil {
			t.Errorf("%q: no error", text)
		}
		if err := d.AddSpent(common.RegistrationID{URL: "u", UUID: "a"}); err == nil {
			t.Errorf("%q: no error, and what was marked is lost", text)
		}
		d.Close()
	}
}

func TestOnlyTheLastMarksAreKept(t *testing.T) {
	d := openDir(t, t.TempDir())
	defer d.Close()
	ids := make([]common.RegistrationID, marksMax+2)
	for i := range ids {
		ids[i] = common.RegistrationID{URL: "u", UUID: string(rune('a' + i%20))}
	}
	if err := d.SetPaused(ids); err != nil {
		t.Fatal(err)
	}
	got, err := d.Paused()
	if err != nil || len(got) != marksMax || got[0] != ids[2] {
		t.Errorf("%d marks, %v", len(got), err)
	}
}
