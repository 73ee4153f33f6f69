package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multirunner/common"
)

func TestADirectoryIsPassedOnWithItsLock(t *testing.T) {
	root := t.TempDir()
	first, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	claim, err := first.Claim("https://one.example", "u", 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := claim.Lock().Unlock(); err != nil {
		t.Fatal(err)
	}
	refused := func(when string) {
		t.Helper()
		var inUse *InUseError
		if _, err := Open(root); !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
			t.Errorf("%s: another process gets %v", when, err)
		}
	}
	lock, err := first.Detach()
	if err != nil {
		t.Fatal(err)
	}
	refused("in between")
	if _, err := Inherit(t.TempDir(), lock); err == nil {
		t.Error("another directory is opened with the lock")
	}
	second, err := Inherit(root, lock)
	if err != nil {
		t.Fatal(err)
	}
	refused("afterwards")
	if left, err := second.Leftovers(); err != nil || len(left) != 1 || left[0].Claim == nil || left[0].Alive {
		t.Errorf("leftovers %+v, %v", left, err)
	} else if err := second.Finish(left[0].Claim); err != nil {
		t.Error(err)
	}
	if !second.Claimed("https://one.example", 1) {
		t.Error("what has ended is not remembered")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := Open(root)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	third.Close()
}

func TestFilesOfVersionsThatAreNotReadAreListed(t *testing.T) {
	root := t.TempDir()
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	id := common.RegistrationID{URL: "https://one.example", UUID: "u"}
	claim, err := d.Claim(id.URL, id.UUID, 1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Lock().Unlock()
	if err := errors.Join(d.KeepCredential(id, Credential{Token: common.NewSecret("t")}), d.SetPaused([]common.RegistrationID{id}), d.AddSpent(id)); err != nil {
		t.Fatal(err)
	}
	if found := Foreign(root); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	credentials, _ := filepath.Glob(filepath.Join(root, "credentials", "*"))
	for path, text := range map[string]string{
		filepath.Join(root, "jobs", claim.Key(), "claim.json"): `{"v":9}`, credentials[0]: `{"v":9}`,
		filepath.Join(root, "paused"): `{"v":9}`, filepath.Join(root, "spent"): `{"v":9}`, filepath.Join(root, "ended"): "v9\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		found := Foreign(root)
		var version *common.VersionError
		if len(found) == 0 || !errors.As(found[len(found)-1], &version) || version.Found != 9 {
			t.Errorf("%s: found %v", path, found)
		}
	}
	found := Foreign(root)
	if len(found) != 5 {
		t.Errorf("found %v", found)
	}
	// A claim that is being written says nothing.
	os.WriteFile(filepath.Join(root, "jobs", claim.Key(), "claim.json"), []byte(`{"v":`), 0o600)
	if again := Foreign(root); len(again) != 4 || strings.Contains(errors.Join(again...).Error(), "claim.json") {
		t.Errorf("found %v", again)
	}
}
