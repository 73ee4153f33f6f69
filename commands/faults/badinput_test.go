//go:build real

package faults

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// says waits until the runner's log has a line that matches.
func (r *runner) says(within time.Duration, pattern string) {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	eventually(r.t, within, "the log has "+pattern, func() bool { return re.MatchString(r.output.String()) })
}

// works shows that a registration's jobs still run.
func (g *gitea) works(t *testing.T) {
	t.Helper()
	task := g.task(t, g.submit(t, workflow("echo ok")))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the good registration's job: %v\n%s", status, g.text(task))
	}
}

func TestABrokenConfigurationIsRefusedWithItsPlace(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"syntax":     {"concurrent = 1\ncheck_interval = \n", `config.toml:2`},
		"wrong type": {"concurrent = \"four\"\n", `config.toml:1.*concurrent`},
		"bad value":  {"concurrent = 1\ncheck_interval = \"-3s\"\n", `config.toml:2.*check_interval`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "config.toml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(binary, "run", "-c", file, "--working-directory", filepath.Join(dir, "state")).CombinedOutput()
			if err == nil || !regexp.MustCompile(test.want).Match(out) {
				t.Errorf("%v: %s, want %s", err, out, test.want)
			}
		})
	}
}

func TestWrongRegistrationsDoNotStopTheOthers(t *testing.T) {
	good := newGitea(t, coordinator.Options{})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>a blog</html>")
	}))
	defer other.Close()
	block := registration(good, "good", "")
	uuid := regexp.MustCompile(`uuid = "(.*)"`).FindStringSubmatch(block)[1]
	tests := map[string]struct{ block, want string }{
		"unknown key":            {block + "labls = [\"x\"]\n", `config.toml:\d+: .*labls.*labels`},
		"two of one uuid":        {fmt.Sprintf("[[runners]]\nname = \"twin\"\nurl = %q\nuuid = %q\ntoken = \"x\"\nlabels = [\"linux:host\"]\n", good.URL(), uuid), `config.toml:\d+: runners.uuid: the same registration .* line \d+`},
		"unreadable token file":  {fmt.Sprintf("[[runners]]\nname = \"nofile\"\nurl = %q\nuuid = \"u-2\"\ntoken_file = \"missing.token\"\nlabels = [\"linux:host\"]\n", good.URL()), `nofile.*missing.token`},
		"not a Gitea":            {fmt.Sprintf("[[runners]]\nname = \"blog\"\nurl = %q\nuuid = \"u-3\"\ntoken = \"x\"\nlabels = [\"linux:host\"]\n", other.URL), `(?s)not a Gitea.*blog|blog.*not a Gitea`},
		"wrong token":            {fmt.Sprintf("[[runners]]\nname = \"stranger\"\nurl = %q\nuuid = \"u-4\"\ntoken = \"x\"\nlabels = [\"linux:host\"]\n", good.URL()), `(?i)stranger|unregistered`},
		"label without executor": {fmt.Sprintf("[[runners]]\nname = \"boxed\"\nurl = %q\nuuid = \"u-5\"\ntoken = \"x\"\nlabels = [\"linux:docker://node:22\"]\n", good.URL()), `boxed`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			blocks := []string{block, test.block}
			if strings.HasPrefix(test.block, block) {
				blocks = blocks[1:] // the good one itself, with a slip
			}
			writeConfig(t, dir, 2, blocks...)
			r := start(t, dir)
			good.works(t)
			r.says(20*time.Second, test.want)
			r.signal(syscall.SIGTERM)
			if code := r.waitExit(40 * time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestWrongPayloadsFailTheirJobWithARowThatSaysWhy(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	for name, test := range map[string]struct{ payload, want string }{
		"no workflow":            {"just text", "workflow"},
		"no YAML":                {"jobs: [", "payload|workflow"},
		"empty":                  {"", "workflow"},
		"step without run, uses": {"on: push\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: echo one\n      - name: two\n", "(?s)build.*step 2.*run.*uses"},
		"uses of a missing part": {"on: push\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - uses: actions/checkout@v4\n", "actions/checkout@v4"},
		"bad expression":         {"on: push\njobs:\n  build:\n    runs-on: linux\n    steps:\n      - run: echo ${{ github.ref == }}\n", `github\.ref ==`},
	} {
		t.Run(name, func(t *testing.T) {
			_, job := g.Enqueue(coordinator.RawJob{Labels: []string{"linux"}, Payload: []byte(test.payload)})
			var task int64
			eventually(t, 20*time.Second, "a runner has the job", func() bool {
				info, _ := g.Job(job)
				task = info.TaskID
				return task != 0
			})
			if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
				t.Errorf("status %v", status)
			}
			if text := g.text(task); !regexp.MustCompile(test.want).MatchString(text) {
				t.Errorf("no row with %q:\n%s", test.want, text)
			}
		})
	}
	g.works(t)
	r.clean()
}

func TestReloadTakesAddedRegistrationsAndKeepsTheOldOnesOnAnError(t *testing.T) {
	a, b := newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	blockA, blockB := registration(a, "a", ""), registration(b, "b", "")
	writeConfig(t, dir, 1, blockA)
	r := start(t, dir)
	a.works(t)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte("concurrent = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGHUP)
	r.says(10*time.Second, `config.toml:1`)
	a.works(t)
	writeConfig(t, dir, 1, blockA, blockB) // seen without a signal
	b.works(t)
	a.works(t)
	writeConfig(t, dir, 1, blockB)
	r.signal(syscall.SIGHUP)
	r.says(10*time.Second, `1 removed`)
	run := a.submit(t, workflow("echo not for us"))
	b.works(t)
	if info, _ := a.Run(run); info.Jobs[0].TaskID != 0 {
		t.Error("a removed registration took a job")
	}
}
