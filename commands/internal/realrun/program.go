//go:build real

package realrun

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Main builds the runner with the race detector, tells where it is, runs the
// tests, and ends the process. It is the whole of a TestMain.
func Main(m *testing.M, binary *string) { run(m, binary, nil, "-race") }

// Static is Main with a runner as it is released: containers need a program
// without libraries, and the race detector has some.
func Static(m *testing.M, binary *string) { run(m, binary, []string{"CGO_ENABLED=0"}) }

func run(m *testing.M, binary *string, env []string, flags ...string) {
	dir, err := os.MkdirTemp("", "runner-real-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*binary = filepath.Join(dir, "runner")
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", *binary, "multirunner")...)
	build.Env = append(os.Environ(), env...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "the runner does not build:", err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}
