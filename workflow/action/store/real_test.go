//go:build real

package store

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/workflow/action/gittest"
)

const (
	realActions   = 20
	realProcesses = 8
)

// twice makes the first two requests of each kind and repository go wrong, each
// in another way.
func twice() gittest.Intercept {
	var mu sync.Mutex
	count, kind := map[string]int{}, 0
	return func(w http.ResponseWriter, r *http.Request, asked gittest.Request) bool {
		mu.Lock()
		count[asked.Command+asked.Repo]++
		n := count[asked.Command+asked.Repo]
		kind++
		fault := []func(http.ResponseWriter, *http.Request){status(503), reset, cut, status(502), silent}[kind%5]
		mu.Unlock()
		if n > 2 {
			return false
		}
		fault(w, r)
		return true
	}
}

// together runs processes at once and gives the output of those that failed.
func together(t *testing.T, commands ...*exec.Cmd) (failed []string) {
	t.Helper()
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, command := range commands {
		wait.Go(func() {
			if out, err := command.CombinedOutput(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Sprintf("%v: %s", err, out))
			}
		})
	}
	wait.Wait()
	return failed
}

func (b *bench) processes(t *testing.T, n int, o order) []*exec.Cmd {
	var commands []*exec.Cmd
	for range n {
		commands = append(commands, o.start(t))
	}
	return commands
}

func TestRealProcessesThroughFaults(t *testing.T) {
	b := newBench(t)
	uses := b.publishMany(realActions)
	b.server.Intercept(twice())
	if failed := together(t, b.processes(t, realProcesses, order{Dir: b.dir, Uses: uses, URL: b.url, Times: 3})...); len(failed) > 0 {
		t.Errorf("%d failed: %s", len(failed), failed[0])
	}
	fetched := map[string]int{}
	for _, asked := range b.asked() {
		fetched[asked]++
	}
	for _, u := range uses {
		name := "fetch " + strings.TrimSuffix(u, "@v1")
		if n := fetched[name]; n != 3 {
			t.Errorf("%s: %d times, want one and its two faults", name, n)
		}
	}
	if left := b.list("temp"); len(left) != 0 || b.entries() != realActions {
		t.Errorf("%d entries, left: %v", b.entries(), left)
	}
}

func TestRealEvictionWhileInUse(t *testing.T) {
	b := newBench(t)
	uses := b.publishMany(realActions)
	probe := b.prepare(b.store(), b.request(uses[0]))
	size := probe.entries[0].meta.Bytes
	probe.Release()
	// Room for a quarter of what is wanted at any moment: all are removed and
	// fetched again and again, but never under somebody's feet.
	var commands []*exec.Cmd
	for i := range realProcesses {
		var mine []string
		for k := range 5 {
			mine = append(mine, uses[(i*3+k)%len(uses)])
		}
		commands = append(commands, b.processes(t, 1, order{Dir: b.dir, Uses: mine, URL: b.url, Times: 20, MaxBytes: 5 * size})...)
	}
	if failed := together(t, commands...); len(failed) > 0 {
		t.Errorf("%d failed: %s", len(failed), failed[0])
	}
	b.prepare(b.store(func(o *Options) { o.MaxBytes = 1 }), b.request(uses[0])).Release()
	extra := b.server.Repo("x/y")
	extra.Tag("v1", extra.Commit(gittest.Files{"action.yml": gittest.Text("x")}))
	b.prepare(b.store(func(o *Options) { o.MaxBytes = 1 }), b.request("x/y@v1"))
	if n, locks, left := b.entries(), b.list("locks"), b.list("temp"); n != 1 || len(locks) != 1 || len(left) != 0 {
		t.Errorf("%d entries, %d locks, left: %v", n, len(locks), left)
	}
}

func TestRealProcessesThatAreKilled(t *testing.T) {
	b := newBench(t)
	uses := b.publishMany(realActions)
	b.server.Intercept(func(w http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-r.Context().Done():
		}
		return false
	})
	for range 5 {
		commands := b.processes(t, realProcesses, order{Dir: b.dir, Uses: uses, URL: b.url, Times: 1, MaxBytes: 60_000})
		var wait sync.WaitGroup
		for _, command := range commands {
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			wait.Go(func() {
				timer := time.AfterFunc(rand.N(300*time.Millisecond), func() { command.Process.Kill() })
				defer timer.Stop()
				command.Wait()
			})
		}
		wait.Wait()
	}
	p := b.prepare(b.store(), b.requests(uses...)...)
	for i, a := range p.Actions {
		b.wantFile(a, "action.yml", "name: "+strings.TrimSuffix(uses[i], "@v1"))
	}
	if left := b.list("temp"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// gitBackend serves n repositories owner/a and on, made with the git program,
// with git's own server.
func gitBackend(t *testing.T, n int) (http.Handler, []string) {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skip("git is not installed")
	}
	program := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		t.Skip("git http-backend is not installed")
	}
	root := t.TempDir()
	var uses []string
	for i := range n {
		name := "owner/" + string(rune('a'+i))
		dir := filepath.Join(root, filepath.FromSlash(name))
		script := `mkdir -p "$1" && cd "$1" && git init -q -b main && printf 'name: %s' "$2" > action.yml &&
for i in 1 2 3 4 5 6 7 8 9; do seq 1 $((i * 100)) > "file$i"; done &&
git add . && git commit -q -m one && seq 1 950 > file9 && git commit -q -a -m two && git tag -a -m x v1 && git gc -q`
		command := exec.Command("sh", "-c", script, "sh", dir, name)
		command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		uses = append(uses, name+"@v1")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(&cgi.Handler{Path: program, Stderr: io.Discard, Env: []string{
			"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		}}).ServeHTTP(w, r)
	}), uses
}

func TestRealGitServer(t *testing.T) {
	b := newBench(t)
	handler, uses := gitBackend(t, realActions)
	b.url = b.serve(handler)
	if failed := together(t, b.processes(t, realProcesses, order{Dir: b.dir, Uses: uses, URL: b.url, Times: 1})...); len(failed) > 0 {
		t.Errorf("%d failed: %s", len(failed), failed[0])
	}
	start := time.Now()
	p := b.prepare(b.store(), b.requests(uses[:5]...)...)
	t.Logf("a second job with five actions: %s, the server's processes included", time.Since(start))
	for i, a := range p.Actions {
		b.wantFile(a, "action.yml", "name: "+strings.TrimSuffix(uses[i], "@v1"))
	}
	if n := b.entries(); n != realActions {
		t.Errorf("%d entries", n)
	}
}
