package state

import (
	"os"
	"path/filepath"
	"testing"

	"multirunner/common"
)

// A database that was copied knows the same uuids as its copy.
func TestServersThatShareAUUIDDoNotShareFiles(t *testing.T) {
	d := open(t, t.TempDir())
	other := common.RegistrationID{URL: "https://copy.example.org", UUID: first.UUID}
	for id, token := range map[common.RegistrationID]string{first: "one", other: "two"} {
		if err := d.KeepCredential(id, Credential{Token: common.NewSecret(token)}); err != nil {
			t.Fatal(err)
		}
	}
	for id, token := range map[common.RegistrationID]string{first: "one", other: "two"} {
		if got, err := d.Credential(id); err != nil || got.Token.Reveal() != token {
			t.Errorf("%s: %v", id.URL, err)
		}
	}
	one, _ := d.RequestKey(first)
	two, _ := d.RequestKey(other)
	if one == two {
		t.Error("both polls carry the same request key")
	}
	c := claim(t, d, 1) // of first
	if err := d.Finish(c); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Credential(other); err != nil {
		t.Errorf("after the end of a job of its namesake: %v", err)
	}
}

func TestFilesNamedByTheUUIDAloneAreReadAndGoWithTheLastClaim(t *testing.T) {
	root := t.TempDir()
	open(t, root).Close()
	const key = "8b3f0a4e-6a50-4c2d-9f37-0d8f6f1c9a01"
	for folder, content := range map[string]string{"credentials": "t0ken", "keys": key} {
		if err := os.WriteFile(filepath.Join(root, folder, first.UUID), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, root)
	c := claim(t, d, 1)
	if err := d.Serve(nil); err != nil { // its registration has left the configuration
		t.Fatal(err)
	}
	if got, err := d.Credential(first); err != nil || got.Token.Reveal() != "t0ken" {
		t.Errorf("credential: %v", err)
	}
	if got, err := d.RequestKey(first); err != nil || got != key {
		t.Errorf("request key %q, %v", got, err)
	}
	if err := d.Finish(c); err != nil {
		t.Fatal(err)
	}
	if err := d.Serve(nil); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"credentials", "keys"} {
		if left, _ := filepath.Glob(filepath.Join(root, folder, "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// Two syncs for every job are two too many.
func TestAnUnchangedCredentialIsWrittenOnce(t *testing.T) {
	d := open(t, t.TempDir())
	if err := d.Serve([]common.RegistrationID{first}); err != nil {
		t.Fatal(err)
	}
	keep := func(token string) os.FileInfo {
		t.Helper()
		if err := d.KeepCredential(first, Credential{Token: common.NewSecret(token)}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(d.named("credentials", first))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := keep("t0ken")
	held, err := os.Open(d.named("credentials", first)) // so that no new file can be the same one
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for task := range int64(3) {
		if err := d.Finish(claim(t, d, task+1)); err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(before, keep("t0ken")) {
			t.Fatalf("written again for job %d", task+1)
		}
	}
	if os.SameFile(before, keep("other")) {
		t.Error("a new token is not written")
	}
}
