package commands

import (
	"os"
	"path/filepath"
	"testing"

	"multirunner/commands/configfile"
)

func TestAFileCountsAsChangedOnceItStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("concurrent = 1\n")
	file, err := configfile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newChangeWatch(file)
	defer w.close()
	look := func(when string, want bool) {
		t.Helper()
		if got := w.changed(); got != want {
			t.Errorf("%s: changed %t", when, got)
		}
	}
	look("nothing happened", false)
	write("concurrent = 2\n")
	look("half of it is written", false)
	write("concurrent = 2\n[polling]\n")
	look("all of it is", false)
	look("it stays", true)
	look("that was told", false)
	write("concurrent = 3\n")
	look("another change", false)
	write("concurrent = 2\n[polling]\n")
	look("it is undone", false)
	look("it stays undone", false)
	write("concurrent = 4\n")
	w.told()
	look("it was loaded by a signal", false)
	look("and stays", false)
}
