//go:build unix

package flock

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAPassedDescriptorKeepsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	parent := mustLock(t, path)
	fd, err := unix.Dup(int(parent.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	child := FromFile(os.NewFile(uintptr(fd), path))
	if err := parent.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("the child lives: got %v, want ErrLocked", err)
	}
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustLock(t, path).Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestALockOnARemovedFileIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	old := mustLock(t, path)
	defer old.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fresh := mustLock(t, path)
	defer fresh.Close()
	if !isAt(fresh.File(), path) || isAt(old.File(), path) {
		t.Error("the new lock is not on the file at the path")
	}
}
