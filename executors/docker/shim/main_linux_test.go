package shim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

const roleVariable = "SHIM_TEST_ROLE"

// The roles of this program as a container's first process.
const (
	roleChild = "child" // an ordinary process
	roleFirst = "first" // the first one of a PID namespace
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(serveRole(role))
	}
	goleak.VerifyTestMain(m)
}

// serveRole serves, and says whether it has left a goroutine.
func serveRole(role string) int {
	if role == roleFirst {
		if err := ownProc(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 4
		}
	}
	for fd := range 2 {
		_ = unix.SetNonblock(fd, true)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // which would end this process
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := Serve(ctx, ServeOptions{In: os.NewFile(0, "in"), Out: os.NewFile(1, "out")})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if err := goleak.Find(goleak.IgnoreTopFunction("os/signal.signal_recv"), goleak.IgnoreTopFunction("os/signal.loop")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

// ownProc shows this PID namespace below /proc, to this mount namespace only.
func ownProc() error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	return nil
}

// container is a process that serves.
type container struct {
	cmd    *exec.Cmd
	conn   *conn
	stderr buffer
	exited chan struct{}
}

// conn is the connection to a process, by its standard input and output.
type conn struct{ r, w *os.File }

func (c *conn) Read(p []byte) (int, error)  { return c.r.Read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.w.Write(p) }
func (c *conn) Close() error {
	c.w.Close()
	return c.r.Close()
}

// startContainer starts one. It is killed at the end of the test, should it
// live on.
func startContainer(t testing.TB, role string) *container {
	t.Helper()
	c, err := newContainer(role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.exited
		c.conn.Close()
	})
	return c
}

func newContainer(role string) (*container, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inR.Close()
	defer outW.Close()
	c := &container{conn: &conn{outR, inW}, exited: make(chan struct{})}
	c.cmd = exec.Command("/proc/self/exe")
	// Under the race detector a process sleeps for a second as it ends.
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inR, outW, &c.stderr
	if role == roleFirst {
		c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	}
	if err := c.cmd.Start(); err != nil {
		c.conn.Close()
		return nil, err
	}
	go func() {
		defer close(c.exited)
		_ = c.cmd.Wait()
	}()
	return c, nil
}

// ended waits for the process, and gives an error when it did not end well.
func (c *container) ended() error {
	select {
	case <-c.exited:
	case <-time.After(20 * time.Second):
		return fmt.Errorf("it lives on")
	}
	if !c.cmd.ProcessState.Success() {
		return fmt.Errorf("%v: %s", c.cmd.ProcessState, c.stderr.String())
	}
	return nil
}

// needNamespaces skips a test where this process may not make namespaces.
func needNamespaces(t *testing.T) {
	t.Helper()
	c, err := newContainer(roleFirst)
	if err == nil {
		c.conn.Close()
		err = c.ended()
	}
	if err != nil {
		t.Skipf("no PID namespace of our own here: %v", err)
	}
}

// dial connects to a container with directories of its own.
func dial(t testing.TB, c *container, set ...func(*ClientOptions)) *Client {
	t.Helper()
	o := ClientOptions{Temp: t.TempDir(), Workspace: t.TempDir(), Graceful: time.Hour, Force: time.Hour}
	for _, f := range set {
		f(&o)
	}
	client, err := Dial(context.Background(), c.conn, o)
	if err != nil {
		t.Fatalf("%v (%s)", err, c.stderr.String())
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// buffer is a writer that can be read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) contains(text string) func() bool {
	return func() bool { return strings.Contains(b.String(), text) }
}

// eventually polls until the claim holds.
func eventually(t testing.TB, claim string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", claim)
		}
		<-tick.C
	}
}

var _ io.ReadWriteCloser = (*conn)(nil)
