//go:build unix

package job

import (
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/structpb"

	"multirunner/common"
	"multirunner/executors/shell"
	"multirunner/helpers/process"
	"multirunner/network/spool"
	"multirunner/workflow/action/gittest"
)

// place is a state directory, and a server with actions.
type place struct {
	t      *testing.T
	dir    string
	server *gittest.Server
	url    string
}

// newPlace makes one that jobs of other users can get through, as a runner that
// is root makes its own.
func newPlace(t *testing.T) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, above := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(above, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	p := &place{t: t, dir: dir, server: &gittest.Server{}}
	server := httptest.NewServer(p.server)
	t.Cleanup(server.Close)
	p.url = server.URL
	t.Cleanup(func() { // trees of the store are read-only
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				_ = os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	return p
}

// publish makes an action at v1.
func (p *place) publish(name string, files gittest.Files) {
	repo := p.server.Repo(name)
	repo.Tag("v1", repo.Commit(files))
}

// job runs a job of these steps as a user, "" for this process's own, and gives
// its rows and whether it succeeded.
func (p *place) job(user, steps string) (rows []string, good bool) {
	p.t.Helper()
	given, err := structpb.NewStruct(map[string]any{
		"repository": "job/one", "event_name": "push", "server_url": p.url + "/", "gitea_default_actions_url": p.url, "event": map[string]any{},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	dir := p.t.TempDir()
	trace, err := spool.Create(dir, spool.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	r := &run{
		spec: &common.JobSpec{
			URL: p.url, Registration: "test", Executor: "shell", TrackingID: fmt.Sprint("user-", os.Getpid(), "-", filepath.Base(dir)),
			Environment: []string{"PATH=" + p.dir + "/bin:/usr/bin:/bin"},
			Dirs: common.JobDirs{
				Job: dir, Build: filepath.Join(p.dir, "builds", "job"), Actions: filepath.Join(p.dir, "actions"), Tools: filepath.Join(p.dir, "tools"),
			},
			Shell: common.ShellConfig{User: user, GracefulKillTimeout: common.Duration(time.Second), ForceKillTimeout: common.Duration(time.Second)},
		},
		task: &runnerv1.Task{
			Id: 1, Context: given,
			WorkflowPayload: []byte("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      " + strings.ReplaceAll(strings.Trim(steps, "\n"), "\n", "\n      ") + "\n"),
		},
		log: newLog(io.Discard), trace: trace, family: process.NewFamily(),
	}
	err = r.work(p.t.Context(), Options{Executors: func(family *process.Family, log logrus.FieldLogger) common.Providers {
		return common.Providers{"shell": shell.NewProvider(log, shell.Options{Family: family})}
	}})
	if err := trace.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	reader := spool.OpenReader(dir)
	defer reader.Close()
	if _, err := reader.Read(0, func(record spool.Record) bool {
		if row, err := record.Row(); err == nil {
			rows = append(rows, row.Content)
		}
		return true
	}); err != nil {
		p.t.Fatal(err)
	}
	return rows, slices.Contains(rows, "Job result: success")
}

func (p *place) want(rows []string, want ...string) {
	p.t.Helper()
	for _, text := range want {
		if !slices.Contains(rows, text) {
			p.t.Errorf("no row %q in\n%s", text, strings.Join(rows, "\n"))
			return
		}
	}
}

// toolAction is an action that runs a program of its repository, and tries to
// change it.
var toolAction = gittest.Files{
	"action.yml": gittest.Text("runs:\n  using: composite\n  steps:\n  - shell: sh\n    run: |\n" +
		"      \"$GITHUB_ACTION_PATH/bin/tool\"\n" +
		"      cat \"$GITHUB_ACTION_PATH/data/text\"\n" +
		"      (echo evil > \"$GITHUB_ACTION_PATH/bin/tool\") 2>/dev/null && echo written || echo not written\n" +
		"      (echo evil > \"$GITHUB_ACTION_PATH/new\") 2>/dev/null && echo added || echo not added\n" +
		"      chmod u+w \"$GITHUB_ACTION_PATH/bin/tool\" 2>/dev/null && echo mode changed || echo mode not changed\n" +
		"      mv \"$GITHUB_ACTION_PATH\" \"$GITHUB_ACTION_PATH-2\" 2>/dev/null && echo moved || echo not moved\n" +
		"      ls \"$GITHUB_ACTION_PATH/../..\" >/dev/null 2>&1 && echo listed || echo not listed\n" +
		"      cat \"$GITHUB_ACTION_PATH/../entry.json\" >/dev/null 2>&1 && echo read || echo not read\n"),
	"bin/tool":  gittest.Program("#!/bin/sh\necho the tool\n"),
	"data/text": gittest.Text("its data\n"),
}

func TestActionsAndToolsOfJobsOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root runs jobs as another user")
	}
	if _, err := process.LookupUser("nobody"); err != nil {
		t.Skip(err)
	}
	p := newPlace(t)
	p.publish("octo/tool", toolAction)
	p.publish("octo/node", gittest.Files{"action.yml": gittest.Text("runs: {using: node20, main: main.js}"), "main.js": gittest.Text("echo from node\n")})
	// A node that runs scripts of sh.
	if err := os.Mkdir(filepath.Join(p.dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "bin", "node"), []byte("#!/bin/sh\n[ \"$1\" = --version ] && echo v24.0.0 || exec sh \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const steps = `
- uses: octo/tool@v1
- uses: octo/node@v1
- run: |
    id -un
    mkdir -p "$RUNNER_TOOL_CACHE/thing"
    echo x >> "$RUNNER_TOOL_CACHE/thing/file"
    echo "cached $(wc -l < "$RUNNER_TOOL_CACHE/thing/file")"
    echo x > "$HOME/x"; echo x > "$RUNNER_TEMP/x"; echo x > x
`
	for i := range 2 {
		rows, good := p.job("nobody", steps)
		if !good {
			t.Fatalf("the job failed:\n%s", strings.Join(rows, "\n"))
		}
		p.want(rows, "the tool", "its data", "not written", "not added", "mode not changed", "not moved", "not listed", "not read",
			"from node", "nobody", fmt.Sprint("cached ", i+1))
	}
	if n := len(p.server.Requests()); n == 0 {
		t.Error("nothing was fetched")
	}
	if _, err := os.Stat(filepath.Join(p.dir, "builds", "job")); !os.IsNotExist(err) {
		t.Errorf("the job's directory is left: %v", err)
	}
}

// Where the runner and its jobs are one user nothing can keep a job from its
// own files. What it changed is found, and the next job gets the action anew.
func TestWhatAJobOfTheSameUserChangedIsNotRunByTheNext(t *testing.T) {
	p := newPlace(t)
	p.publish("octo/tool", gittest.Files{
		"action.yml": gittest.Text("runs: {using: composite, steps: [{shell: sh, run: '\"$GITHUB_ACTION_PATH/bin/tool\"'}]}"),
		"bin/tool":   gittest.Program("#!/bin/sh\necho the tool\n"),
	})
	const evil = `
- uses: octo/tool@v1
- run: |
    for tool in "` + "$RUNNER_TOOL_CACHE" + `"/../actions/entries/*/tree/bin/tool; do
      chmod -R u+w "$(dirname "$tool")"
      echo 'echo evil' >> "$tool"
      echo changed
    done
`
	for range 2 {
		rows, good := p.job("", evil)
		if !good {
			t.Errorf("the job failed")
		}
		p.want(rows, "the tool", "changed")
		if slices.Contains(rows, "evil") {
			t.Fatalf("what the job before changed has run:\n%s", strings.Join(rows, "\n"))
		}
	}
}
