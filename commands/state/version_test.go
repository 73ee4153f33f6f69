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

// refused checks that an error names a file and both versions.
func refused(t *testing.T, err error, path string) {
	t.Helper()
	var version *common.VersionError
	if !errors.As(err, &version) {
		t.Fatalf("%v, want a VersionError", err)
	}
	for _, part := range []string{path, "version 7", "up to 1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// unchanged checks that a file is as it was.
func unchanged(t *testing.T, path, content string) {
	t.Helper()
	if now, err := os.ReadFile(path); err != nil || string(now) != content {
		t.Errorf("%s is now %q, %v", path, now, err)
	}
}

func TestAClaimOfALaterVersionIsRefusedAndKept(t *testing.T) {
	// The fields of a later one may have any form.
	for _, later := range []string{`{"v":7}`, `{"v":7,"url":{"host":"a"},"task_id":"x"}`} {
		root := t.TempDir()
		before := open(t, root)
		c := claim(t, before, 1)
		c.Lock().Unlock()
		path := filepath.Join(before.Dirs(c.Key()).Job, claimName)
		write(t, path, later)
		if err := before.KeepCredential(first, Credential{Token: common.NewSecret("t0ken")}); err != nil {
			t.Fatal(err)
		}
		before.Close()
		d := open(t, root)
		left, err := d.Leftovers()
		if err != nil || len(left) != 1 || left[0].Claim != nil {
			t.Fatalf("%+v, %v", left, err)
		}
		refused(t, left[0].Err, path)
		unchanged(t, path, later)
		if err := d.Serve(nil); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Credential(first); err != nil {
			t.Errorf("what the claim may need: %v", err)
		}
		if _, err := d.Claim(server, "uuid-1", 1, c.Time); !errors.Is(err, ErrSeen) {
			t.Errorf("claimed again: %v", err)
		}
	}
}

func TestEndedTasksOfALaterVersionKeepTheRunnerFromStarting(t *testing.T) {
	root := t.TempDir()
	open(t, root).Close()
	path := filepath.Join(root, "ended")
	write(t, path, "v7\nsomething\n")
	_, err := Open(root)
	refused(t, err, path)
	unchanged(t, path, "v7\nsomething\n")
}

func TestEndedTasksFromBeforeTheFirstLineToldAVersionAreRead(t *testing.T) {
	root := t.TempDir()
	open(t, root).Close()
	write(t, filepath.Join(root, "ended"), JobKey(server, 7)+"\n")
	if _, err := open(t, root).Claim(server, "uuid-1", 7, time.Unix(1000, 0)); !errors.Is(err, ErrSeen) {
		t.Errorf("what has ended is claimed: %v", err)
	}
}

func TestMarksOfALaterVersionAreRefusedAndKept(t *testing.T) {
	d := open(t, t.TempDir())
	const later = `{"v":7,"registrations":"of another form"}`
	for name, use := range map[string]func() error{
		pausedName: func() error { return d.SetPaused(nil) },
		spentName:  func() error { return d.AddSpent(first) },
	} {
		path := filepath.Join(d.Root(), name)
		write(t, path, later)
		_, err := d.marked(name)
		refused(t, err, path)
		refused(t, use(), path)
		unchanged(t, path, later)
	}
}

func TestACredentialOfALaterVersionIsRefused(t *testing.T) {
	d := open(t, t.TempDir())
	path := d.named("credentials", first)
	write(t, path, `{"v":7}`)
	_, err := d.Credential(first)
	refused(t, err, path)
}
