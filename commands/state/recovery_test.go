package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multirunner/common"
)

func TestAClaimThatACrashTookCountsAsNone(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "torn": `{"v":1,"url":"https://gi`, "zeros": strings.Repeat("\x00", 90)} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			first := open(t, root)
			c := claim(t, first, 1)
			c.Lock().Unlock()
			if err := os.WriteFile(filepath.Join(first.Dirs(c.Key()).Job, "claim.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			first.Close()

			second := open(t, root)
			left, err := second.Leftovers()
			if err != nil || len(left) != 1 {
				t.Fatalf("%v, %v", left, err)
			}
			if l := left[0]; l.Claim != nil || !errors.Is(l.Err, ErrNoClaim) {
				t.Errorf("%+v, want ErrNoClaim", l)
			}
		})
	}
}

// The directory of a task that has ended may survive a crash half removed:
// without its spool it would look like one that was never started.
func TestWhatIsLeftOfAnEndedTaskIsRemoved(t *testing.T) {
	root := t.TempDir()
	first := open(t, root)
	c := claim(t, first, 1)
	dirs := first.Dirs(c.Key())
	claimFile, err := os.ReadFile(filepath.Join(dirs.Job, "claim.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Finish(c); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dirs.Job, dirs.Build} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dirs.Job, "claim.json"), claimFile, 0o600); err != nil {
		t.Fatal(err)
	}
	first.Close()

	left, err := open(t, root).Leftovers()
	if err != nil || len(left) != 0 {
		t.Errorf("%+v, %v, want nothing to close", left, err)
	}
	for _, dir := range []string{dirs.Job, dirs.Build} {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
}

func TestBuildDirectoriesWithoutAJobAreRemoved(t *testing.T) {
	root := t.TempDir()
	first := open(t, root)
	c := claim(t, first, 1)
	c.Lock().Unlock()
	kept, stray := first.Dirs(c.Key()).Build, filepath.Join(root, "builds", "0123456789ab-77")
	for _, dir := range []string{kept, filepath.Join(stray, "home")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// As Go's module cache is.
	if err := os.WriteFile(filepath.Join(stray, "home", "f"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(stray, "home"), 0o500); err != nil {
		t.Fatal(err)
	}
	first.Close()
	if err := open(t, root).SweepBuilds(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(stray); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stray directory is left: %v", err)
	}
	if _, err := os.Lstat(kept); err != nil {
		t.Errorf("the directory of a job: %v", err)
	}
}

func TestFilesOfRegistrationsThatAreGoneAreRemoved(t *testing.T) {
	root := t.TempDir()
	d := open(t, root)
	odd := "a/b" // goes by its hash
	id := func(uuid string) common.RegistrationID {
		return common.RegistrationID{URL: first.URL, UUID: uuid}
	}
	token := Credential{Token: common.NewSecret("t0ken")}
	for _, id := range []common.RegistrationID{first, id("uuid-2"), id("uuid-3"), id(odd)} {
		if err := d.KeepCredential(id, token); err != nil {
			t.Fatal(err)
		}
		if _, err := d.RequestKey(id); err != nil {
			t.Fatal(err)
		}
	}
	claim(t, d, 1) // of uuid-1
	if err := d.Serve([]common.RegistrationID{id("uuid-2"), id(odd)}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[common.RegistrationID]bool{first: true, id("uuid-2"): true, id(odd): true, id("uuid-3"): false} {
		for _, folder := range []string{"credentials", "keys"} {
			if _, err := os.Stat(d.named(folder, id)); (err == nil) != want {
				t.Errorf("%s of %s: %v, want it there: %v", folder, id, err, want)
			}
		}
	}
	// One that comes back is kept again.
	if err := d.KeepCredential(id("uuid-3"), token); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Credential(id("uuid-3")); err != nil {
		t.Error(err)
	}
}

func TestEndedOutlivesADiskThatWasFull(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "ended")
	l, err := openEnded(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.add("one"); err != nil {
		t.Fatal(err)
	}
	// Half of a line, then an error.
	full := l.file
	if _, err := full.WriteString("tw"); err != nil {
		t.Fatal(err)
	}
	full.Close()
	if err := l.add("two"); err == nil {
		t.Fatal("no error from a closed file")
	}
	for _, key := range []string{"two", "three"} {
		if err := l.add(key); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	l.close()
	if l, err = openEnded(path); err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, key := range []string{"one", "two", "three"} {
		if !l.contains(key) {
			t.Errorf("%s is forgotten", key)
		}
	}
}
