//go:build real

package faults

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// holders gives the files below a directory that have a text in them.
func holders(dir, text string) []string {
	var found []string
	filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if data, _ := os.ReadFile(path); bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		return nil
	})
	return found
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	const secret = "s3cret-value-of-a-job"
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	block := registration(g, "a", "")
	writeConfig(t, dir, 1, block)
	_, token, _ := strings.Cut(block, "token = \"")
	token, _, _ = strings.Cut(token, "\"")
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo ${{ secrets.S }}; echo \"$T\"; printf '%s' \"$T\" > file\necho started; sleep 3"), func(run *coordinator.Run) {
		run.Secrets = map[string]string{"S": secret}
	}))
	g.logged(t, task, "started\n", 20*time.Second)
	state := filepath.Join(dir, "state")
	for _, text := range []string{secret, token} {
		if found := holders(filepath.Join(state, "jobs"), text); len(found) > 0 {
			t.Errorf("in %v", found)
		}
	}
	for _, path := range holders(state, secret) {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
	}
	if found := holders(state, token); len(found) != 1 || filepath.Base(filepath.Dir(found[0])) != "credentials" {
		t.Errorf("the runner's token is in %v", found)
	}
	pids := append(jobProcesses(dir), r.cmd.Process.Pid)
	if len(pids) != 2 {
		t.Errorf("processes %v", pids)
	}
	for _, pid := range pids {
		for _, name := range []string{"cmdline", "environ"} {
			data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
			if err != nil {
				t.Error(err)
			}
			if bytes.Contains(data, []byte(secret)) || bytes.Contains(data, []byte(token)) {
				t.Errorf("in %s of process %d", name, pid)
			}
		}
	}
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	r.clean()
	for _, text := range []string{secret, token} {
		if strings.Contains(r.output.String(), text) {
			t.Error("in the runner's log")
		}
	}
	if strings.Contains(g.text(task), secret) {
		t.Error("in the job's log")
	}
	eventually(t, 10*time.Second, "nothing holds the secret", func() bool { return len(holders(state, secret)) == 0 })
}
