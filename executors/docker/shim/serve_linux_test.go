package shim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/common"
)

var searchPath = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}

func sh(script string) *common.Command {
	return &common.Command{Path: "sh", Args: []string{"-c", script}, Env: searchPath}
}

// output runs a script that must succeed.
func output(t testing.TB, c *Client, script string) string {
	t.Helper()
	var out buffer
	cmd := sh(script)
	cmd.Stdout, cmd.Stderr = &out, &out
	if status, err := c.Run(context.Background(), cmd); err != nil || !status.Success() {
		t.Fatalf("%s: %+v, %v, %q", script, status, err, out.String())
	}
	return out.String()
}

// leave leaves a process behind and gives its number.
func leave(t testing.TB, c *Client) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(output(t, c, "setsid sleep 300 > /dev/null 2>&1 & echo $!")))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func gone(pid int) func() bool {
	return func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
}

func TestTheContainerTellsWhatItIs(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	c := startContainer(t, roleChild)
	h := dial(t, c).Hello()
	if h.PID != c.cmd.Process.Pid || h.UID != os.Getuid() || h.GID != os.Getgid() || h.Hostname != host || h.Arch != runtime.GOARCH {
		t.Errorf("%+v", h)
	}
	release, err := os.ReadFile("/etc/os-release")
	if err == nil && (h.System == "" || !strings.Contains(string(release), h.System)) {
		t.Errorf("the system is %q", h.System)
	}
}

func TestSystemsAreNamedAsTheyNameThemselves(t *testing.T) {
	for text, want := range map[string]string{
		"NAME=a\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n": "Debian GNU/Linux 12 (bookworm)",
		"PRETTY_NAME=Plain":                "Plain",
		"PRETTY_NAME='Single Quotes'\n":    "Single Quotes",
		"PRETTY_NAME=\"a\\x1b[31m\\nb\"\n": "a [31m b",
		"ID=none\n":                        "",
		"":                                 "",
	} {
		file := filepath.Join(t.TempDir(), "os-release")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := system(file+"-missing", file); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := system(pipe); got != "" {
		t.Errorf("a pipe is %q", got)
	}
}

func TestTheEndOfTheConnectionEndsEverything(t *testing.T) {
	for _, role := range []string{roleChild, roleFirst} {
		t.Run(role, func(t *testing.T) {
			if role == roleFirst {
				needNamespaces(t)
			}
			c := startContainer(t, role)
			client := dial(t, c)
			pid := leave(t, client)
			running := make(chan error, 1)
			var out buffer
			cmd := sh("trap '' INT TERM; echo ready; sleep 300")
			cmd.Stdout = &out
			go func() {
				_, err := client.Run(context.Background(), cmd)
				running <- err
			}()
			eventually(t, "the command runs", out.contains("ready"))
			if err := client.Close(); err != nil {
				t.Error(err)
			}
			var lost *GoneError
			if err := <-running; !errors.As(err, &lost) {
				t.Errorf("the command says %v", err)
			}
			if err := c.ended(); err != nil {
				t.Error(err)
			}
			if role == roleChild {
				eventually(t, "what was left is gone", gone(pid))
			}
		})
	}
}

func TestASignalEndsEverything(t *testing.T) {
	c := startContainer(t, roleChild)
	client := dial(t, c)
	pid := leave(t, client)
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.ended(); err != nil {
		t.Error(err)
	}
	eventually(t, "what was left is gone", gone(pid)) // a zombie, until its new parent looks
	<-client.Done()
}

func TestAContainerThatDiesIsNoticed(t *testing.T) {
	needNamespaces(t)
	c := startContainer(t, roleFirst)
	client := dial(t, c)
	var out buffer
	cmd := sh("echo ready; sleep 300")
	cmd.Stdout = &out
	errs := make(chan error, 1)
	go func() {
		_, err := client.Run(context.Background(), cmd)
		errs <- err
	}()
	eventually(t, "the command runs", out.contains("ready"))
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var lost *GoneError
	if err := <-errs; !errors.As(err, &lost) {
		t.Errorf("the command says %v", err)
	}
	if _, err := client.ReadTemp(t.Context(), "file", 1); !errors.As(err, &lost) {
		t.Errorf("a file is %v", err)
	}
	if out.String() != "ready\n" {
		t.Errorf("the output is %q", out.String())
	}
}

func TestAContainerWhoseClientDoesNotReadEndsAllTheSame(t *testing.T) {
	c := startContainer(t, roleChild)
	var e encoder
	_, err := c.conn.Write(appendFrame(nil, kindOpen, 1, open{temp: t.TempDir(), workspace: "/"}.encode()))
	if err != nil {
		t.Fatal(err)
	}
	e = start{path: "sh", args: []string{"-c", "while :; do echo a line of output; done"}, env: searchPath, stdout: true}.encode()
	if _, err := c.conn.Write(appendFrame(nil, kindStart, 2, e)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the pipe is full long since
	c.conn.w.Close()
	if err := c.ended(); err != nil {
		t.Error(err)
	}
}

func TestABackgroundChildThatNobodyReadsBlocksNobodyElse(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	hold := make(chan struct{})
	cmd := sh("{ sleep 0.2; while :; do echo a line that comes too late; done; } & echo now")
	cmd.Late = writerFunc(func([]byte) { <-hold })
	if _, err := client.Run(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the room for late output is used up", func() bool {
		client.late.mu.Lock()
		defer client.late.mu.Unlock()
		return client.late.used > lateWindow/2
	})
	if out := output(t, client, "i=0; while [ $i -lt 50000 ]; do echo a line of output; i=$((i+1)); done"); len(out) != 50000*17 {
		t.Errorf("%d bytes", len(out))
	}
	if _, err := client.WriteTemp(t.Context(), "file", []byte("x")); err != nil {
		t.Error(err)
	}
	close(hold)
	if err := client.StopBackground(t.Context()); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is pending", func() bool { return len(client.pending()) == 0 })
}

func TestAWriterThatWaitsHoldsItsCommandOnly(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	hold := make(chan struct{})
	ended := make(chan error, 1)
	count := filepath.Join(t.TempDir(), "count")
	held := sh("i=0; while [ $i -lt 4000 ]; do echo '" + strings.Repeat("x", 1023) + "'; i=$((i+1)); echo $i > " + count + "; done")
	total := 0
	held.Stdout = writerFunc(func(p []byte) {
		<-hold
		total += len(p)
	})
	go func() {
		_, err := client.Run(context.Background(), held)
		ended <- err
	}()
	// It comes as far as all the room between, and no further.
	last := ""
	eventually(t, "the command is held", func() bool {
		time.Sleep(200 * time.Millisecond)
		data, _ := os.ReadFile(count)
		same := len(data) > 0 && string(data) == last
		last = string(data)
		return same
	})
	if n, err := strconv.Atoi(strings.TrimSpace(last)); err != nil || n > 1000 {
		t.Errorf("it wrote %q KiB", last)
	}
	if out := output(t, client, "echo another"); out != "another\n" {
		t.Errorf("%q", out)
	}
	close(hold)
	if err := <-ended; err != nil || total != 4000<<10 {
		t.Errorf("%d bytes, %v", total, err)
	}
}

func TestCommandsRunSideBySide(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	const commands = 8
	errs := make(chan error, commands)
	for i := range commands {
		go func() {
			var out buffer
			cmd := sh(fmt.Sprintf("sleep 0.1; printf %%0100000d %d; exit %d", i, i))
			cmd.Stdout = &out
			status, err := client.Run(context.Background(), cmd)
			if err == nil && (status.Code != i || len(out.String()) != 100000 || !strings.HasSuffix(out.String(), strconv.Itoa(i))) {
				err = fmt.Errorf("command %d: %+v, %d bytes", i, status, len(out.String()))
			}
			errs <- err
		}()
	}
	for range commands {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestLargeFilesGoThrough(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	data := bytes.Repeat([]byte("0123456789abcdef"), 300_000)
	for _, size := range []int{maxPayload - 20, maxPayload, maxPayload + 1, len(data)} {
		if _, err := client.WriteTemp(t.Context(), "large", data[:size]); err != nil {
			t.Fatal(err)
		}
		got, err := client.ReadTemp(t.Context(), "large", int64(size))
		if err != nil || !bytes.Equal(got, data[:size]) {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
	}
	if _, err := client.ReadTemp(t.Context(), "large", int64(len(data))-1); err == nil {
		t.Error("more than the limit is read")
	}
}

func TestStreamsThatAreOneKeepTheirOrder(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	want := strings.Repeat("out\nerr\n", 500)
	if out := output(t, client, "i=0; while [ $i -lt 500 ]; do echo out; echo err >&2; i=$((i+1)); done"); out != want {
		t.Errorf("%q", out)
	}
}

func TestTextsThatAreNoTextReachTheCommand(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	var out buffer
	cmd := sh(`printf %s "$1$X"; cat "$1"`)
	cmd.Args = append(cmd.Args, "name", "\xff\xfe")
	cmd.Env = append(cmd.Env, "X=\x80")
	cmd.Stdout = &out
	dir := t.TempDir()
	cmd.Dir = filepath.Join(dir, "\xe9")
	if err := os.Mkdir(cmd.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cmd.Dir, "\xff\xfe"), []byte("read"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, err := client.Run(t.Context(), cmd); err != nil || !status.Success() || out.String() != "\xff\xfe\x80read" {
		t.Errorf("%+v, %v, %q", status, err, out.String())
	}
}

func TestWhatCannotBeStartedSaysWhy(t *testing.T) {
	client := dial(t, startContainer(t, roleChild))
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/no/such/shell -e\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cmd  *common.Command
		want string
	}{
		"a large environment":   {&common.Command{Path: "sh", Env: append(searchPath, "BIG="+strings.Repeat("x", 300_000))}, "300004 of them in BIG"},
		"a missing interpreter": {&common.Command{Path: script}, "it needs /no/such/shell, which the image does not have"},
		"no program":            {&common.Command{Path: plain}, "permission denied"},
		"a missing directory":   {&common.Command{Path: "sh", Env: searchPath, Dir: "no/where"}, "working directory no/where does not exist"},
		"a program of the PATH": {&common.Command{Path: "no-such-program", Env: searchPath}, "not found"},
		"more than any message": {&common.Command{Path: "sh", Env: []string{"BIG=" + strings.Repeat("x", maxMessage)}}, "67108868 of them in BIG"},
		"arguments with a zero": {&common.Command{Path: "sh", Args: []string{"a\x00b"}, Env: searchPath}, "invalid argument"},
	} {
		_, err := client.Run(t.Context(), test.cmd)
		if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: %.1000v", name, err)
		}
	}
	if left := client.pending(); len(left) > 0 {
		t.Errorf("pending: %d", left)
	}
}

func TestTheFirstProcessEndsWhatOthersHaveStarted(t *testing.T) {
	needNamespaces(t)
	if _, err := exec.LookPath("nsenter"); err != nil {
		t.Skip(err)
	}
	c := startContainer(t, roleFirst)
	client := dial(t, c)
	entered := exec.Command("nsenter", "-t", strconv.Itoa(c.cmd.Process.Pid), "-p", "-m", "sleep", "300")
	if err := entered.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is inside", func() bool {
		return strings.Contains(output(t, client, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), "sleep 300")
	})
	if err := client.StopBackground(t.Context()); err != nil {
		t.Error(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- entered.Wait() }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it lives on")
		_ = entered.Process.Kill()
		<-ended
	}
	output(t, client, "true")
}

func TestTheFirstProcessReapsOrphans(t *testing.T) {
	needNamespaces(t)
	client := dial(t, startContainer(t, roleFirst))
	output(t, client, "for i in 1 2 3 4 5; do (sh -c true &) ; done")
	eventually(t, "no zombie is left", func() bool {
		time.Sleep(100 * time.Millisecond)
		t.Log(output(t, client, "cat /proc/[0-9]*/stat"))
		return !strings.Contains(output(t, client, "cat /proc/[0-9]*/stat 2> /dev/null | cut -d ' ' -f 3"), "Z")
	})
}

func TestARequestBeforeTheFirstOneEndsIt(t *testing.T) {
	for name, frames := range map[string][]byte{
		"a request":           appendFrame(nil, kindKillAll, 1, nil),
		"no frame":            bytes.Repeat([]byte{255}, headerSize),
		"an unknown kind":     appendFrame(nil, 99, 1, nil),
		"an open that is not": appendFrame(nil, kindOpen, 1, []byte{1}),
	} {
		t.Run(name, func(t *testing.T) {
			c := startContainer(t, roleChild)
			if _, err := c.conn.Write(frames); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, c.conn.r)
			<-c.exited
			if code := c.cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(c.stderr.String(), "protocol of the shim") {
				t.Errorf("exit status %d, %q", code, c.stderr.String())
			}
		})
	}
}
