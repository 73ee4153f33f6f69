package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// prepared opens a directory with a spare.
func prepared(t *testing.T, root string) *Dir {
	t.Helper()
	if !sparesKnown {
		t.Skip("no spares on this system")
	}
	d := open(t, root)
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAPreparedClaimIsOneLikeAnyOther(t *testing.T) {
	for name, url := range map[string]string{"short": server, "longer than what is ready": "https://git.example.org/" + strings.Repeat("a/", spareSize)} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			d := prepared(t, root)
			c, err := d.Claim(url, "uuid-1", 7, time.Unix(1000, 0))
			if err != nil {
				t.Fatal(err)
			}
			if n := d.spareCount(); n != 0 {
				t.Fatalf("%d are ready: it was not used", n)
			}
			if _, err := d.Claim(url, "uuid-1", 7, time.Now()); !errors.Is(err, ErrSeen) {
				t.Errorf("again: %v", err)
			}
			if err := d.Retake(c); err == nil {
				t.Error("its lock is free")
			}
			if err := c.Lock().Unlock(); err != nil {
				t.Fatal(err)
			}
			d.Close()
			d = open(t, root)
			left, err := d.Leftovers()
			if err != nil || len(left) != 1 || left[0].Claim == nil {
				t.Fatalf("%+v, %v", left, err)
			}
			if got := left[0].Claim; got.URL != url || got.UUID != "uuid-1" || got.TaskID != 7 || !got.Time.Equal(c.Time) || left[0].Alive {
				t.Errorf("%+v", left[0])
			}
			if err := d.Finish(left[0].Claim); err != nil {
				t.Fatal(err)
			}
			for _, folder := range []string{"jobs", sparesName} {
				if left, _ := filepath.Glob(filepath.Join(root, folder, "*")); len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			}
		})
	}
}

func TestWhatIsReadyIsKeptWhenTheTaskIsNotNew(t *testing.T) {
	d := prepared(t, t.TempDir())
	claim(t, d, 1)
	if err := d.Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Claim(server, "uuid-1", 1, time.Now()); !errors.Is(err, ErrSeen) {
		t.Errorf("again: %v", err)
	}
	if n := d.spareCount(); n != 1 {
		t.Errorf("after it %d are ready", n)
	}
	claim(t, d, 2)
	if n := d.spareCount(); n != 0 {
		t.Errorf("%d are ready", n)
	}
}

// Of two that claim a task at the same time one has it.
func TestATaskIsClaimedOnceAlsoWithWhatIsReady(t *testing.T) {
	d := prepared(t, t.TempDir())
	for task := range int64(50) {
		for range 2 {
			if err := d.Prepare(); err != nil {
				t.Fatal(err)
			}
		}
		var both sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			both.Go(func() { _, errs[i] = d.Claim(server, "uuid-1", task+1, time.Now()) })
		}
		both.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrSeen) {
			t.Fatalf("task %d: %v", task+1, errs)
		}
	}
}

func TestACrashBeforeTheContentLeavesNoClaim(t *testing.T) {
	root := t.TempDir()
	d := prepared(t, root)
	s := d.takeSpare()
	if err := os.Rename(s.path, d.Dirs(JobKey(server, 7)).Job); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.lock.Close(), s.claim.Close()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	left, err := open(t, root).Leftovers()
	if err != nil || len(left) != 1 || !errors.Is(left[0].Err, ErrNoClaim) {
		t.Errorf("%+v, %v", left, err)
	}
}

func TestWithoutWhatWasReadyAClaimIsMadeAllTheSame(t *testing.T) {
	root := t.TempDir()
	d := prepared(t, root)
	if err := os.RemoveAll(filepath.Join(root, sparesName)); err != nil {
		t.Fatal(err)
	}
	c := claim(t, d, 1)
	if got, err := readClaim(d.Dirs(c.Key()).Job); err != nil || got.TaskID != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatACrashLeftReadyGoesWithTheNextStart(t *testing.T) {
	root := t.TempDir()
	stray := filepath.Join(root, sparesName, "stray")
	if err := os.MkdirAll(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	d := open(t, root)
	if _, err := os.Lstat(stray); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stray one: %v", err)
	}
	if left, err := d.Leftovers(); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	for range 3 * sparesMax {
		if err := d.Prepare(); err != nil {
			t.Fatal(err)
		}
	}
	if ready, _ := filepath.Glob(filepath.Join(root, sparesName, "*")); sparesKnown && len(ready) != sparesMax {
		t.Errorf("%d are ready, want %d", len(ready), sparesMax)
	}
}
