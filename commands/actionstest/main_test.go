//go:build real

package actionstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// shared is what tests have in common: each part is made by the first one that
// wants it, below one directory.
var shared struct {
	dir     string
	runner  func() error
	toolkit func() error
}

func TestMain(m *testing.M) {
	if why := withoutNode(); why != "" {
		fmt.Println("actions are not tested: " + why)
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "runner-actions-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.dir = dir
	shared.runner = sync.OnceValue(buildRunner)
	shared.toolkit = sync.OnceValue(installToolkit)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// withoutNode tells why there is no node that the test actions run on, "" when
// there is.
func withoutNode() string {
	out, err := exec.Command("node", "--version").Output()
	if err != nil {
		return err.Error()
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "v%d.", &major); err != nil || major < 20 {
		return fmt.Sprintf("the node on PATH is %s, they need 20", strings.TrimSpace(string(out)))
	}
	return ""
}

// runnerBinary gives the binary that people run.
func runnerBinary(t *testing.T) string {
	t.Helper()
	if err := shared.runner(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(shared.dir, "runner")
}

func buildRunner() error {
	out, err := exec.Command("go", "build", "-o", filepath.Join(shared.dir, "runner"), "multirunner").CombinedOutput()
	if err != nil {
		return fmt.Errorf("the runner does not build: %w\n%s", err, out)
	}
	return nil
}

// withToolkit gives the directory of a copy of the test actions that may import
// the toolkit.
func withToolkit(t *testing.T) string {
	t.Helper()
	if err := shared.toolkit(); err != nil {
		t.Skipf("the toolkit is not tested: %v", err)
	}
	return filepath.Join(shared.dir, "actions")
}

func installToolkit() error {
	if _, err := exec.LookPath("npm"); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(shared.dir, "actions"), os.DirFS(actions)); err != nil {
		return err
	}
	args := []string{"install", "--prefix", shared.dir, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"}
	if out, err := exec.Command("npm", append(args, toolkit...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("npm install: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
