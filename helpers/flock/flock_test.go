package flock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func mustLock(t *testing.T, path string) *Lock {
	t.Helper()
	lock, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func TestASecondLockIsRefusedUntilTheFirstIsReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := mustLock(t, path)
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("second lock: got %v, want ErrLocked", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := mustLock(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := mustLock(t, path).Unlock(); err != nil {
		t.Fatalf("after Close: %v", err)
	}
}

func TestSharedLocksExcludeExclusiveOnesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var holders []*Lock
	for range 3 {
		lock, err := TryShared(path)
		if err != nil {
			t.Fatalf("shared beside shared: %v", err)
		}
		holders = append(holders, lock)
	}
	for _, holder := range holders {
		if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
			t.Fatalf("exclusive beside shared: got %v, want ErrLocked", err)
		}
		if err := holder.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	only := mustLock(t, path)
	if _, err := TryShared(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("shared beside exclusive: got %v, want ErrLocked", err)
	}
	if err := only.Unlock(); err != nil {
		t.Fatal(err)
	}
	after, err := TryShared(path)
	if err != nil {
		t.Fatalf("shared after exclusive: %v", err)
	}
	after.Close()
}

func TestContentStaysReadableWhileLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock := mustLock(t, path)
	defer lock.Close()
	if _, err := lock.File().WriteString("4711\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "4711\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLockContextWaitsForTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first := mustLock(t, path)
	got := make(chan error, 1)
	go func() {
		second, err := LockContext(context.Background(), path)
		if err == nil {
			err = second.Unlock()
		}
		got <- err
	}()
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestLockContextGivesUpWithTheCause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	defer mustLock(t, path).Close()
	cause := errors.New("no more patience")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 30*time.Millisecond, cause)
	defer cancel()
	if _, err := LockContext(ctx, path); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestAMissingDirectoryIsAnErrorThatNamesThePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "lock")
	if _, err := TryLock(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want not exist", err)
	}
}
