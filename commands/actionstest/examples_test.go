//go:build real

package actionstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples runs every example with the binary that people run. They check
// themselves.
func TestExamples(t *testing.T) {
	binary := runnerBinary(t)
	found, err := filepath.Glob("../../examples/*/.gitea/workflows")
	if err != nil || len(found) < 8 {
		t.Fatalf("%d examples, %v", len(found), err)
	}
	cache := t.TempDir()
	for _, dir := range found {
		project := filepath.Dir(filepath.Dir(dir))
		t.Run(filepath.Base(project), func(t *testing.T) {
			cmd := exec.Command(binary, "exec", "-C", project)
			cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "fault of the runner") {
				t.Errorf("output:\n%s", out)
			}
		})
	}
}

// TestAnActionOfAServerThatIsAway holds what exec says when an action cannot be
// had.
func TestAnActionOfAServerThatIsAway(t *testing.T) {
	j := newJob(t, actions, "    - run: echo never\n    - uses: testdata/nothing@v1\n").want("failure", "skipped", "skipped")
	if text := j.trace.text(); !strings.Contains(text, "##[error]the actions of the job cannot be fetched") {
		t.Error(text)
	}
}
