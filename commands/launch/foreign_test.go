package launch

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"multirunner/common"
	"multirunner/helpers/flock"
	"multirunner/network/coordinator"
)

// told makes a launcher's lines countable.
func told(l *Launcher) (count func(text string) int) {
	log, hook := logrus.New(), new(logtest.Hook)
	log.SetOutput(io.Discard)
	log.AddHook(hook)
	l.o.Log = log
	return func(text string) int {
		n := 0
		for _, entry := range hook.AllEntries() {
			if line, err := entry.String(); err == nil && strings.Contains(line, text) {
				n++
			}
		}
		return n
	}
}

// Of the files of a job, and of the credential of its registration.
func TestAJobOfALaterVersionIsLeftToIt(t *testing.T) {
	for _, name := range []string{"claim.json", "job.json", "spool", "sent", "credential"} {
		for _, living := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", dead", true: ", alive"}[living], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { leaveAlone(t, name, living) })
			})
		}
	}
}

func leaveAlone(t *testing.T, name string, living bool) {
	h := newHouse(t)
	defer h.server.Close()
	l, leave := h.open()
	task := h.fetch(l)
	claim := h.claim(l, task).(*build)
	lock := claim.claim.Lock()
	if living {
		h.claims = nil
	}
	leave()

	path, later := filepath.Join(claim.dirs.Job, name), `{"v":7,"url":{},"offset":"x"}`
	switch name {
	case "credential":
		path = h.left("credentials")[0]
	case "spool":
		later = "MRSP\x07\x00\x00\x00something"
	}
	if err := os.WriteFile(path, []byte(later), 0o600); err != nil {
		t.Fatal(err)
	}
	l, leave = h.open()
	defer leave()
	count := told(l)
	adopted, err := l.Recover(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := count("version 7"); n != 1 || count(path) != 1 {
		t.Errorf("%d lines name the version, %d the file", n, count(path))
	}
	h.ends(task, coordinator.StatusRunning)
	if now, err := os.ReadFile(path); err != nil || string(now) != later {
		t.Errorf("%s: %q, %v", name, now, err)
	}
	if len(h.left("jobs")) != 1 || len(h.left("credentials")) != 1 {
		t.Errorf("left: %v, %v", h.left("jobs"), h.left("credentials"))
	}
	if !living {
		if len(adopted) != 0 {
			t.Errorf("adopted: %v", adopted)
		}
		return
	}
	if takes := len(adopted) == 1; takes != (name != "claim.json") { // of which nothing is known
		t.Errorf("adopted: %v", adopted)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	for _, a := range adopted {
		time.Sleep(time.Second)
		<-a.Build.Done()
	}
	// It can be taken over by the version that it is from.
	if again, err := flock.TryLock(filepath.Join(claim.dirs.Job, "lock")); err != nil {
		t.Errorf("the lock is kept: %v", err)
	} else {
		again.Unlock()
	}
}

func TestALockThatCannotBeLookedAtIsToldOnceAndLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		task := h.fetch(l)
		claim := h.claim(l, task).(*build)
		alive := claim.claim.Lock()
		h.claims = nil
		leave()
		l, leave = h.open()
		defer leave()
		count := told(l)
		adopted, err := l.Recover([]*common.RunnerConfig{h.runner})
		if err != nil || len(adopted) != 1 {
			t.Fatalf("%v, %v", adopted, err)
		}
		path := filepath.Join(claim.dirs.Job, "lock")
		if err := os.Rename(path, path+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if n := count("cannot be looked at"); n != 1 {
			t.Errorf("told %d times in 10 minutes", n)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"-away", path); err != nil {
			t.Fatal(err)
		}
		if err := alive.Unlock(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		select {
		case <-adopted[0].Build.Done():
			t.Error("after 10 minutes of trouble it is still looked at all the time")
		default:
		}
		time.Sleep(lockPatience)
		<-adopted[0].Build.Done()
		h.ends(task, coordinator.StatusFailure)
	})
}
