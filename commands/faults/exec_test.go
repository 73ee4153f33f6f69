//go:build real

package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// execution is a running `runner exec`, with a temp directory of its own.
type execution struct {
	t      *testing.T
	cmd    *exec.Cmd
	temp   string
	rows   chan string // lines of standard output
	stderr *lockedBuffer
}

// execute starts `runner exec` in a project with the files.
func execute(t *testing.T, files map[string]string, args ...string) *execution {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e := &execution{t: t, temp: shortTemp(t), rows: make(chan string, 10_000), stderr: new(lockedBuffer)}
	e.cmd = exec.Command(binary, append([]string{"exec", "-C", dir}, args...)...)
	e.cmd.Dir = dir
	e.cmd.Env = append(os.Environ(), "TMPDIR="+e.temp, "XDG_CACHE_HOME="+t.TempDir())
	e.cmd.Stderr = e.stderr
	stdout, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.rows)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			e.rows <- lines.Text()
		}
	}()
	t.Cleanup(func() { e.cmd.Process.Kill() })
	return e
}

// shortTemp is a temp directory with room for the path of a socket.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// until reads rows until one has the text.
func (e *execution) until(text string) {
	e.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case row, ok := <-e.rows:
			if !ok {
				e.t.Fatalf("ended before %q: %s", text, e.stderr)
			}
			if strings.HasSuffix(row, text) {
				return
			}
		case <-deadline:
			e.t.Fatalf("no row %q", text)
		}
	}
}

// ends waits for the end and checks that nothing is left of it.
func (e *execution) ends(within time.Duration, marker string) (code int, rest string) {
	e.t.Helper()
	var out bytes.Buffer
	deadline := time.After(within)
	for open := true; open; {
		var row string
		select {
		case row, open = <-e.rows:
			fmt.Fprintln(&out, row)
		case <-deadline:
			e.t.Fatalf("not ended after %s: %s%s", within, &out, e.stderr)
		}
	}
	e.cmd.Wait()
	if left, _ := filepath.Glob(filepath.Join(e.temp, "*")); len(left) > 0 {
		e.t.Errorf("left: %v", left)
	}
	if left := processes("sleep\x00" + marker); len(left) > 0 {
		e.t.Errorf("left: %v", left)
	}
	return e.cmd.ProcessState.ExitCode(), out.String()
}

// stubborn is a job that only a kill ends.
func stubborn(marker string) string {
	return workflow("trap '' INT TERM\necho started\nsleep " + marker + "\nsleep " + marker)
}

func TestExecASecondInterruptKillsAndTheTableIsShown(t *testing.T) {
	marker := fmt.Sprintf("91%d", os.Getpid())
	e := execute(t, map[string]string{"w.yml": stubborn(marker)}, "w.yml")
	e.until("| started")
	for range 12 { // by somebody who is impatient
		e.cmd.Process.Signal(syscall.SIGINT)
		<-time.After(50 * time.Millisecond)
	}
	code, rest := e.ends(15*time.Second, marker)
	if code != 1 || !strings.Contains(rest, "result") || !strings.Contains(rest, "\njob ") {
		t.Errorf("exit code %d, output:\n%s", code, rest)
	}
	if text := e.stderr.String(); strings.Contains(text, "next start") {
		t.Errorf("there is no next start: %s", text)
	}
}

func TestExecEndsWhenNobodyReadsOrTheTerminalIsGone(t *testing.T) {
	for name, end := range map[string]func(*execution, *os.File){
		"standard output closed": func(_ *execution, read *os.File) { read.Close() },
		"hang-up":                func(e *execution, _ *os.File) { e.cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			marker := fmt.Sprintf("92%d", os.Getpid())
			dir, temp := t.TempDir(), shortTemp(t)
			text := workflow("for i in $(seq 1 " + marker + "); do echo row $i; sleep 0.1; done")
			if err := os.WriteFile(filepath.Join(dir, "w.yml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			e := &execution{t: t, temp: temp, stderr: new(lockedBuffer), cmd: exec.Command(binary, "exec", "-C", dir, filepath.Join(dir, "w.yml"))}
			e.cmd.Env = append(os.Environ(), "TMPDIR="+temp, "XDG_CACHE_HOME="+t.TempDir())
			e.cmd.Stdout, e.cmd.Stderr = write, e.stderr
			if err := e.cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer e.cmd.Process.Kill()
			write.Close()
			lines := bufio.NewScanner(read)
			for lines.Scan() && !strings.HasSuffix(lines.Text(), "| row 3") {
			}
			if lines.Text() == "" {
				t.Fatalf("ended too early: %s", e.stderr)
			}
			end(e, read)
			ended := make(chan struct{})
			go func() { e.cmd.Wait(); close(ended) }()
			if name == "hang-up" {
				go func() {
					for lines := bufio.NewScanner(read); lines.Scan(); {
					}
				}()
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("it goes on")
			}
			if code := e.cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d", code)
			}
			if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if left := processes("seq 1 " + marker); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// The first workflow runs already when the second one is refused.
func TestExecEndsAtOnceWhenAWorkflowIsRefused(t *testing.T) {
	marker := fmt.Sprintf("93%d", os.Getpid())
	first := "on: {workflow_dispatch: {inputs: {q: {}}}}\njobs:\n  job:\n    runs-on: linux\n    steps: [{run: sleep " + marker + "}]\n"
	e := execute(t, map[string]string{"a.yml": first, "b.yml": strings.ReplaceAll(first, "{inputs: {q: {}}}", "")}, "--input", "q=1", "a.yml", "b.yml")
	code, rest := e.ends(20*time.Second, marker)
	if text := e.stderr.String(); code != 1 || !strings.Contains(text, `no input "q"`) || strings.Contains(text, "killed") {
		t.Errorf("exit code %d: %s%s", code, rest, text)
	}
}

func TestExecNeedsNoHome(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "w.yml"), []byte(workflow("echo ok")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "exec", "-C", dir, filepath.Join(dir, "w.yml"))
	cmd.Env = append(os.Environ(), "HOME=/dev/null", "XDG_CACHE_HOME=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
