//go:build real

package actionstest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
	"multirunner/workflow/action/gittest"
)

const nodeActionFile = "inputs: {say: {}}\nruns: {using: node20, main: ../main.js, post: ../main.js}\n"

const nodeMainFile = `console.log('node says ' + process.env.INPUT_SAY + ', services at ' + process.env.ACTIONS_RUNTIME_URL)
`

// outerFile is a composite action that uses one by commit and one that is private.
const outerFile = `
inputs: {say: {}}
outputs: {said: {value: "${{ steps.deep.outputs.said }}"}}
runs:
  using: composite
  steps:
  - uses: octo/inner/sub@COMMIT
    with: {say: "${{ inputs.say }}"}
  - id: deep
    uses: octo/private@v1
    with: {say: "${{ inputs.say }}"}
`

const privateFile = `
inputs: {say: {}}
outputs: {said: {value: "${{ steps.x.outputs.said }}"}}
runs:
  using: composite
  steps:
  - id: x
    shell: bash
    run: |
      echo "said=$(cat "$GITHUB_ACTION_PATH/greeting") ${{ inputs.say }}" >> "$GITHUB_OUTPUT"
`

// instance is a server for jobs that has the repositories of their actions too.
type instance struct {
	jobs *coordinator.Server
	git  *gittest.Server
	url  string
}

func newInstance(t *testing.T) *instance {
	t.Helper()
	s := &instance{git: &gittest.Server{}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/octo/") {
			s.git.ServeHTTP(w, r)
			return
		}
		s.jobs.Handler().ServeHTTP(w, r)
	}))
	s.url = front.URL
	s.jobs = coordinator.New(coordinator.Options{URL: front.URL, DefaultActionsURL: front.URL})
	t.Cleanup(func() {
		s.jobs.Close()
		front.CloseClientConnections()
		front.Close()
	})
	return s
}

// startRunner runs the runner for the instance until the test ends.
func startRunner(t *testing.T, binary string, s *instance) {
	t.Helper()
	row := s.jobs.AddRunner(coordinator.RunnerSpec{Name: "actions", Labels: []string{"linux"}})
	dir := t.TempDir()
	config := fmt.Sprintf("concurrent = 4\ncheck_interval = \"100ms\"\n[reporting]\nlog_report_interval = \"200ms\"\n[[runners]]\nname = \"actions\"\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\n", s.url, row.UUID, row.Token)
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	cmd := exec.Command(binary, "run", "-c", file, "--working-directory", filepath.Join(dir, "state"))
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("the runner's log:\n%s", output.String())
		}
	})
}

// logs runs a workflow to its end and gives the logs of its jobs, one after
// the other.
func (s *instance) logs(t *testing.T, workflow string) string {
	t.Helper()
	id, err := s.jobs.Submit(coordinator.Run{File: "ci.yml", Workflow: []byte(workflow)})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		run, _ := s.jobs.Run(id)
		if run.Status.Done() {
			var all strings.Builder
			for _, job := range run.Jobs {
				for _, line := range s.jobs.Log(job.TaskID) {
					all.WriteString(line.Content + "\n")
				}
			}
			if run.Status != coordinator.StatusSuccess {
				t.Errorf("the run has ended as %v:\n%s", run.Status, all.String())
			}
			return all.String()
		}
		if time.Now().After(deadline) {
			t.Fatal("the run has not ended in time")
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestActionsOfAServer(t *testing.T) {
	s := newInstance(t)
	inner := s.git.Repo("octo/inner").Commit(gittest.Files{"sub/action.yml": gittest.Text(nodeActionFile), "main.js": gittest.Text(nodeMainFile)})
	s.git.Repo("octo/outer").Tag("v1", s.git.Repo("octo/outer").Commit(gittest.Files{"action.yml": gittest.Text(strings.ReplaceAll(outerFile, "COMMIT", inner))}))
	private := s.git.Repo("octo/private")
	private.Tag("v1", private.Commit(gittest.Files{"action.yaml": gittest.Text(privateFile), "greeting": gittest.Text("hello")}))
	s.git.Intercept(func(w http.ResponseWriter, _ *http.Request, asked gittest.Request) bool {
		if asked.Repo != "octo/private" || asked.Token != "" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	startRunner(t, runnerBinary(t), s)

	text := s.logs(t, `
on: push
jobs:
  a:
    runs-on: linux
    strategy: {matrix: {n: [1, 2, 3, 4]}}
    steps:
    - id: outer
      uses: octo/outer@v1
      with: {say: "n${{ matrix.n }}"}
    - run: echo "in the end ${{ steps.outer.outputs.said }}"
`)
	for n := range 4 {
		for _, want := range []string{
			fmt.Sprintf("node says n%d, services at %s/api/actions_pipeline/\n", n+1, s.url), fmt.Sprintf("in the end hello n%d\n", n+1),
			fmt.Sprintf("Download action repository 'octo/inner@%s' (SHA:%s)\n", inner, inner),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in:\n%s", want, text)
			}
		}
	}
	fetched := map[string]int{}
	for _, asked := range s.git.Requests() {
		if asked.Command == "fetch" {
			fetched[asked.Repo]++
		}
		if asked.Token != "" && asked.Repo != "octo/private" {
			t.Errorf("%s was sent a token", asked.Repo)
		}
	}
	if fetched["octo/outer"] != 1 || fetched["octo/inner"] != 1 {
		t.Errorf("four jobs have fetched %v", fetched)
	}
}

// TestExecFetchesOnce holds that exec keeps actions for its next run, and that
// the paths that actions give of themselves are known, though the store is
// behind a link there.
func TestExecFetchesOnce(t *testing.T) {
	s := newInstance(t)
	repo := s.git.Repo("octo/match")
	repo.Branch("main", repo.Commit(gittest.Files{
		"action.yml":   gittest.Text("runs: {using: node20, main: main.js}\n"),
		"main.js":      gittest.Text("console.log('::add-matcher::' + require('path').join(__dirname, 'matcher.json'))\n"),
		"matcher.json": gittest.Text(`{"problemMatcher": [{"owner": "o", "pattern": [{"regexp": "^BAD (.*)$", "message": 1}]}]}`),
	}))
	project := t.TempDir()
	workflow := "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n    - uses: actions/checkout@v4\n    - uses: " + s.url + "/octo/match@main\n    - run: echo BAD thing\n"
	if err := os.MkdirAll(filepath.Join(project, ".gitea/workflows"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, ".gitea/workflows/ci.yml"), []byte(workflow), 0o644); err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	for run := range 2 {
		cmd := exec.Command(runnerBinary(t), "exec", "-C", project)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Error: BAD thing") || !strings.Contains(string(out), "Nothing is fetched: the workspace holds a copy of the project in "+project) {
			t.Errorf("run %d: %v\n%s", run+1, err, out)
		}
		fetched := 0
		for _, asked := range s.git.Requests() {
			if asked.Command == "fetch" {
				fetched++
			}
		}
		if want := 1 - run; fetched != want {
			t.Errorf("run %d has fetched %d times, want %d", run+1, fetched, want)
		}
	}
}
