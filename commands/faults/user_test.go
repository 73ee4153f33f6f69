//go:build real

package faults

import (
	"os"
	"strings"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// A state directory is for the runner alone, and a job of another user has to
// get to its workspace all the same.
func TestAJobRunsAsAnotherUserInAFreshStateDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run jobs as others")
	}
	g := newGitea(t, coordinator.Options{})
	dir := shortTemp(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, dir, 1, registration(g, "a", "[runners.shell]\nuser = \"nobody\"\n"))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow(`id -un
echo x > file
echo "home $HOME"; touch "$HOME/x" "$RUNNER_TEMP/x"
mkdir -p "$RUNNER_TOOL_CACHE/t" && echo tools are writable
state=${PWD%/builds/*}
for secret in "$state"/credentials "$state"/jobs "$state"/keys "$state"/lock; do
  ls "$secret" >/dev/null 2>&1 && [ -r "$secret" ] && echo "can read $secret"
done
cat "$state"/jobs/*/* "$state"/credentials/* 2>/dev/null && echo can read || echo cannot read`)))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, row := range []string{"nobody", "tools are writable", "cannot read"} {
		if !strings.Contains(text, "\n"+row+"\n") {
			t.Errorf("no row %q", row)
		}
	}
	if strings.Contains(text, "\ncan read") {
		t.Error("the job can read what is the runner's")
	}
	if t.Failed() {
		t.Log(text)
	}
	r.clean()
}
