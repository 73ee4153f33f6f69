package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multirunner/helpers/flock"
	"multirunner/workflow/action/gittest"
)

func TestOfflineUsesWhatThereIs(t *testing.T) {
	b := newBench(t)
	commit := b.publish("a/b", "one")
	b.server.Repo("a/c").Private("tokenA")
	b.publish("a/c", "closed")
	closed := withToken(b.request("a/c@v1"), "job/A", "tokenA")
	b.prepare(b.store(), b.request("a/b@v1"), closed)
	b.publish("a/b", "two")
	b.asked()

	p := b.prepare(b.store(offline), b.request("a/b@v1"), b.request("a/b@"+commit), closed)
	b.wantFile(p.Actions[0], "action.yml", "name: one")
	b.wantFile(p.Actions[2], "action.yml", "name: closed")
	for uses, want := range map[string]string{
		"a/b@main":                       "what main leads to is not in the store, and the offline mode is on: run a job that uses it once with the offline mode off",
		"a/c@v1":                         "what v1 leads to is not in the store",
		"a/b@" + strings.Repeat("0", 40): "the commit " + strings.Repeat("0", 40) + " is not in the store",
	} {
		if err := b.fail(b.store(offline), b.request(uses)); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", uses, err)
		}
	}
	b.wantAsked()
	if locks := b.list("locks"); len(locks) != 2 {
		t.Errorf("locks of what is not there: %v", locks)
	}
}

// useAt notes that an entry was last used some time ago.
func useAt(t *testing.T, a Action, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago)
	if err := os.Chtimes(filepath.Join(filepath.Dir(a.Root), "entry.json"), at, at); err != nil {
		t.Fatal(err)
	}
}

func exists(a Action) bool {
	_, err := os.Stat(a.Root)
	return err == nil
}

func TestWhatWasUsedLongestAgoGoesFirstAndWhatIsInUseStays(t *testing.T) {
	b := newBench(t)
	text := strings.Repeat("x", 50_000)
	for i := range 6 {
		b.publish(fmt.Sprintf("a/%d", i), text)
	}
	limited := func(o *Options) { o.MaxBytes = 250_000 } // two entries of some 114,000 each
	var actions []Action
	var held []*Prepared
	for i := range 4 {
		p := b.prepare(b.store(), b.request(fmt.Sprintf("a/%d@v1", i)))
		actions, held = append(actions, p.Actions[0]), append(held, p)
	}
	held[1].Release()
	held[2].Release()
	held[3].Release()
	// 0 is in use since long; 2 was used longest ago of the others, then 1, then 3.
	for i, ago := range []time.Duration{9, 2, 3, 1} {
		useAt(t, actions[i], ago*time.Hour)
	}
	p := b.prepare(b.store(limited), b.request("a/4@v1"))
	want := []bool{true, false, false, false}
	for i, a := range actions {
		if exists(a) != want[i] {
			t.Errorf("%d: there: %v", i, exists(a))
		}
	}
	b.wantFile(actions[0], "dist/index.js", text)
	b.wantFile(p.Actions[0], "dist/index.js", text)
	if left := b.list("temp"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if locks := b.list("locks"); len(locks) != 2 {
		t.Errorf("locks: %v", locks)
	}
	// What was removed comes back.
	again := b.prepare(b.store(), b.request("a/2@v1"))
	b.wantFile(again.Actions[0], "dist/index.js", text)
	again.Release()
	again.Release()
	held[0].Release()
	p.Release()
	useAt(t, actions[0], time.Hour)
	b.prepare(b.store(func(o *Options) { o.MaxBytes = 1 }), b.request("a/5@v1"))
	if n := b.entries(); n != 1 {
		t.Errorf("%d entries, want only what is in use", n)
	}
}

func TestAnEntryThatNobodyUnderstandsGoesFirst(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	b.publish("a/c", "two")
	old := b.prepare(b.store(), b.request("a/b@v1"))
	old.Release()
	strange := filepath.Join(b.dir, "entries", "strange")
	if err := os.MkdirAll(filepath.Join(strange, "tree"), 0o755); err != nil {
		t.Fatal(err)
	}
	size := old.entries[0].meta.Bytes
	b.prepare(b.store(func(o *Options) { o.MaxBytes = 2*size - 1 }), b.request("a/c@v1"))
	if _, err := os.Stat(strange); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

func TestWhatAJobChangedIsFetchedAgain(t *testing.T) {
	change := map[string]func(t *testing.T, root string){
		"content": func(t *testing.T, root string) { overwrite(t, filepath.Join(root, "action.yml"), "evil") },
		"a file more": func(t *testing.T, root string) {
			must(t, os.Chmod(root, 0o755))
			overwrite(t, filepath.Join(root, "node_modules"), "x")
			must(t, os.Chmod(root, 0o555))
		},
		"a file less": func(t *testing.T, root string) {
			must(t, os.Chmod(root, 0o755))
			must(t, os.Remove(filepath.Join(root, "action.yml")))
			must(t, os.Chmod(root, 0o555))
		},
		"modes":          func(t *testing.T, root string) { must(t, os.Chmod(filepath.Join(root, "action.yml"), 0o777)) },
		"cut by a crash": func(t *testing.T, root string) { overwrite(t, filepath.Join(root, "action.yml"), "") },
		"no tree":        func(t *testing.T, root string) { writable(root); must(t, os.RemoveAll(root)) },
		"no entry.json":  func(t *testing.T, root string) { must(t, os.Remove(filepath.Join(filepath.Dir(root), "entry.json"))) },
		"bad entry.json": func(t *testing.T, root string) { overwrite(t, filepath.Join(filepath.Dir(root), "entry.json"), "{") },
		"another version": func(t *testing.T, root string) {
			overwrite(t, filepath.Join(filepath.Dir(root), "entry.json"), `{"v":9}`)
		},
	}
	for name, do := range change {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.publish("a/b", "one")
			first := b.prepare(b.store(), b.request("a/b@v1"))
			first.Release()
			do(t, first.Actions[0].Root)
			b.asked()
			again := b.prepare(b.store(), b.request("a/b@v1"))
			b.wantFile(again.Actions[0], "action.yml", "name: one")
			b.wantAsked("fetch a/b", "ls-refs a/b")
			if left := b.list("temp"); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, file, text string) {
	t.Helper()
	_ = os.Chmod(file, 0o644)
	must(t, os.WriteFile(file, []byte(text), 0o644))
}

func TestWhatAJobChangedAndStillUsesIsUsed(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	first := b.prepare(b.store(), b.request("a/b@v1"))
	overwrite(t, filepath.Join(first.Actions[0].Root, "dist/index.js"), "changed")
	second := b.prepare(b.store(), b.request("a/b@v1"))
	b.wantFile(second.Actions[0], "dist/index.js", "changed")
	b.wantRow("a/b@v1", "a job that still runs has changed its files")
	first.Release()
	second.Release()
	p := b.prepare(b.store(offline), b.request("a/b@v1"))
	b.wantRow("was changed by a job, and is used as it is: the offline mode is on")
	p.Release()
	b.wantFile(b.prepare(b.store(), b.request("a/b@v1")).Actions[0], "dist/index.js", "one")
}

func TestWhatDeadProcessesLeftIsSwept(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	s := b.store()
	must(t, s.make())
	dead, err := s.newTemp()
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(dead.dir, "entry", "tree"), 0o755))
	must(t, os.Chmod(filepath.Join(dead.dir, "entry", "tree"), 0o555))
	must(t, dead.lock.Unlock())
	must(t, os.Mkdir(s.path("temp", "without-a-lock"), 0o700))
	must(t, os.WriteFile(s.path("temp", "only.lock"), nil, 0o600))
	living, err := s.newTemp()
	must(t, err)
	old := s.path("locks", "old")
	must(t, os.WriteFile(old, nil, 0o600))
	long := time.Now().Add(-2 * time.Hour)
	must(t, os.Chtimes(old, long, long))
	memo := s.path("refs", "old")
	must(t, os.WriteFile(memo, nil, 0o600))
	long = time.Now().Add(-100 * 24 * time.Hour)
	must(t, os.Chtimes(memo, long, long))

	b.prepare(b.store(), b.request("a/b@v1"))
	if left := b.list("temp"); len(left) != 2 || left[0] != filepath.Base(living.dir) {
		t.Errorf("left: %v, living: %s", left, living.dir)
	}
	for _, gone := range []string{old, memo} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
	must(t, living.remove())
}

func TestAJobTellsThatItWaitsForAnother(t *testing.T) {
	b := newBench(t)
	commit := b.publish("a/b", "one")
	var lock *flock.Lock
	s := b.store(func(o *Options) {
		rows := o.Progress
		o.Progress = func(text string) {
			if strings.Contains(text, "another job fetches it") {
				lock.Unlock()
			}
			rows(text)
		}
	})
	s.silence = 30 * time.Millisecond
	must(t, s.make())
	// Another process is fetching.
	var err error
	lock, err = flock.TryLock(s.lockFile(key{"", b.url + "/a/b", commit}))
	must(t, err)
	p := b.prepare(s, b.request("a/b@v1"))
	b.wantFile(p.Actions[0], "action.yml", "name: one")
	b.wantRow("a/b@v1", "another job fetches it, which is waited for")
}

func TestLinksThatLeadOutAreToldOf(t *testing.T) {
	b := newBench(t)
	repo := b.server.Repo("a/b")
	repo.Tag("v1", repo.Commit(gittest.Files{"action.yml": gittest.Text("x"), "passwd": gittest.Link("/etc/passwd")}))
	p := b.prepare(b.store(), b.request("a/b@v1"))
	b.wantFile(p.Actions[0], "passwd", "/etc/passwd")
	b.wantRow("a/b@v1", "1 links lead out of its repository", "passwd")
}

func TestRefsAreKeptForTheOfflineModeOnlyWhenTheyMove(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	b.prepare(b.store(), b.request("a/b@v1"))
	files := b.list("refs")
	if len(files) != 1 {
		t.Fatalf("refs: %v", files)
	}
	file := filepath.Join(b.dir, "refs", files[0])
	hour := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(file, hour, hour))
	b.prepare(b.store(), b.request("a/b@v1"))
	if info, err := os.Stat(file); err != nil || time.Since(info.ModTime()) < time.Minute {
		t.Error("it was written again")
	}
	b.publish("a/b", "two")
	b.prepare(b.store(), b.request("a/b@v1"))
	b.wantFile(b.prepare(b.store(offline), b.request("a/b@v1")).Actions[0], "action.yml", "name: two")
}
