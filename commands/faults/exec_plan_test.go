//go:build real

package faults

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const planned = `on: [push, workflow_dispatch]
jobs:
  first:
    runs-on: linux
    outputs: {v: "${{ steps.s.outputs.v }}"}
    steps: [{id: s, run: 'echo v=seven >> "$GITHUB_OUTPUT"'}]
  grid:
    needs: first
    runs-on: linux
    strategy: {matrix: {n: [1, 2], exclude: [{n: 1}], include: [{n: 3}]}}
    steps: [{run: 'echo "got ${{ needs.first.outputs.v }} ${{ matrix.n }}"'}]
  never:
    needs: grid
    if: github.event_name == 'schedule'
    runs-on: linux
    steps: [{run: echo no}]
  other: {runs-on: windows, steps: [{run: 'echo "$WHO ${{ secrets.S }} ${{ vars.V }} ${{ github.event.x }}"'}]}
`

// runExec gives the exit code and the output of an exec that ends by itself.
func runExec(t *testing.T, dir string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"exec", "-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	out, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestExecPlansAsAServerDoes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		".gitea/workflows/ci.yml":   planned,
		".gitea/workflows/fail.yml": "on: pull_request\njobs: {f: {runs-on: x, steps: [{name: Break, run: exit 3}]}}\n",
		"event.json":                `{"x": "from the event"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		args  []string
		code  int
		want  []string // patterns
		never []string // texts
	}{
		"everything": {
			args: []string{"--secret", "S=hidden", "--var", "V=shown", "--env", "WHO=me", "--event-file", filepath.Join(dir, "event.json")},
			want: []string{`no --label given`, `\| got seven 2\n`, `\| got seven 3\n`, `\| me \*\*\* shown from the event\n`,
				`(?m)^grid \(2\) +success`, `(?m)^never +skipped`, `fail.yml: does not listen to push`},
			never: []string{"got seven 1", "hidden", "Break"},
		},
		"a job with what it needs": {
			args: []string{"-j", "grid"}, want: []string{`(?m)^first +success`, `(?m)^grid \(3\) +success`}, never: []string{"never", "other"},
		},
		"a job that is not there": {args: []string{"-j", "nope"}, code: 1, want: []string{`-j nope`}},
		"labels": {
			args: []string{"--label", "linux:host"}, code: 1,
			want: []string{`other +\| Error: .*windows.*--label windows:host`, `(?m)^first +success`, `(?m)^other +failure`},
		},
		"a failing step": {
			args: []string{"--event", "pull_request"}, code: 1, want: []string{`(?m)^f +failure +\S+ +failed at: Break$`},
		},
		"an event nobody listens to": {args: []string{"--event", "schedule"}, code: 1, want: []string{`no workflow listens to schedule`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			code, output := runExec(t, dir, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, pattern := range test.want {
				if !regexp.MustCompile(pattern).MatchString(output) {
					t.Errorf("no %s", pattern)
				}
			}
			for _, text := range test.never {
				if strings.Contains(output, text) {
					t.Errorf("%q is there", text)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

func TestExecRunsWhatIsNotBroken(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, ".gitea/workflows/a.yml"), filepath.Join(dir, ".gitea/workflows/b.yml")
	if err := os.MkdirAll(filepath.Dir(good), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{good: "on: push\njobs: {a: {runs-on: x, steps: [{run: echo it ran}]}}\n", bad: "on: push\njobs:\n  x:\n    runs-on: [\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, output := runExec(t, dir)
	if code != 1 || !strings.Contains(output, "| it ran\n") || strings.Count(output, ".gitea/workflows/b.yml:") != 2 || !regexp.MustCompile(`(?m)^a +success`).MatchString(output) {
		t.Errorf("exit code %d\n%s", code, output)
	}
	if code, output := runExec(t, dir, bad); code != 1 || strings.Contains(output, "it ran") || !strings.Contains(output, "b.yml:") {
		t.Errorf("the broken one is named: exit code %d\n%s", code, output)
	}
	if code, output := runExec(t, dir, good); code != 0 || strings.Contains(output, "b.yml") {
		t.Errorf("the good one is named: exit code %d\n%s", code, output)
	}
}

func TestExecInPlaceRunsOneJobAtATimeAndRemovesNothing(t *testing.T) {
	dir := t.TempDir()
	text := "on: push\njobs:\n"
	for _, job := range []string{"a", "b", "c"} {
		text += "  " + job + ": {runs-on: x, steps: [{run: 'mkdir alone; sleep 0.3; echo here > " + job + "; rmdir alone'}]}\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "w.yml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, output := runExec(t, dir, "--in-place", "--concurrent", "3", filepath.Join(dir, "w.yml")); code != 0 {
		t.Errorf("exit code %d: %s", code, output)
	}
	for _, name := range []string{"w.yml", "a", "b", "c"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestExecJSONIsForScripts(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "w.yml")
	if err := os.WriteFile(file, []byte(workflow("echo a row")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, output := runExec(t, dir, "--json", file)
	seen := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(output), "\n") {
		var record struct{ Event, Text, Job, Step, Result string }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		seen[record.Event]++
		if record.Text == "a row" && (record.Job != "job" || record.Step != "work") {
			t.Errorf("row of another step: %s", line)
		}
		if record.Event == "summary" && record.Result != "success" {
			t.Error(line)
		}
	}
	for _, event := range []string{"note", "job", "step", "row", "done", "summary"} {
		if seen[event] == 0 {
			t.Errorf("no %s", event)
		}
	}
}
