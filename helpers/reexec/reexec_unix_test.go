//go:build linux || darwin

package reexec

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multirunner/helpers/process"
)

func TestMain(m *testing.M) {
	switch os.Getenv("REEXEC_TEST_ROLE") {
	case "before":
		os.Exit(before())
	case "after":
		os.Exit(after())
	}
	os.Exit(m.Run())
}

func fail(err error) int {
	fmt.Println("error:", err)
	return 1
}

// before starts a child, fails to replace itself, and then does.
func before() int {
	child := exec.Command("/bin/sh", "-c", "exit 7")
	if err := child.Start(); err != nil {
		return fail(err)
	}
	start, err := process.StartTime(child.Process.Pid)
	if err != nil {
		return fail(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	kept, err := listener.(*net.TCPListener).File()
	if err != nil {
		return fail(err)
	}
	lost, err := os.Open(os.DevNull)
	if err != nil {
		return fail(err)
	}
	if err := Replace(Program{Path: "/no/such/program", Args: []string{"x"}}, []*os.File{kept}); err == nil {
		return fail(io.ErrUnexpectedEOF)
	} else {
		fmt.Println(err)
	}
	if flags, err := unix.FcntlInt(kept.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		fmt.Println("after a failure the file is passed on to others")
	}
	// A dial before anybody accepts waits in the queue.
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	env := append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "REEXEC_TEST_ROLE=") }), "REEXEC_TEST_ROLE=after", "KEPT="+strconv.Itoa(int(kept.Fd())), "LOST="+strconv.Itoa(int(lost.Fd())),
		fmt.Sprintf("CHILD=%d %d", child.Process.Pid, start), "PID="+strconv.Itoa(os.Getpid()))
	return fail(Replace(Program{Path: os.Args[0], Args: os.Args, Env: env}, []*os.File{kept}))
}

func after() int {
	kept, _ := strconv.Atoi(os.Getenv("KEPT"))
	lost, _ := strconv.Atoi(os.Getenv("LOST"))
	var child Child
	fmt.Sscan(os.Getenv("CHILD"), &child.PID, &child.Start)
	fmt.Println("same process", os.Getenv("PID") == strconv.Itoa(os.Getpid()))
	file, err := Adopt(kept, "listener")
	if err != nil {
		return fail(err)
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return fail(err)
	}
	if conn, err := listener.Accept(); err == nil {
		fmt.Println("the connection was waiting")
		conn.Close()
	}
	_, err = unix.FcntlInt(uintptr(lost), unix.F_GETFD, 0)
	fmt.Println("other files closed", err != nil)
	left := Reap(context.Background(), []Child{child, {PID: os.Getppid(), Start: 1}})
	_, err = process.StartTime(child.PID)
	fmt.Println("left", len(left), "reaped", err != nil)

	usr2 := make(chan os.Signal, 1)
	signal.Notify(usr2, syscall.SIGUSR2)
	syscall.Kill(os.Getpid(), syscall.SIGUSR2)
	select {
	case <-usr2:
		fmt.Println("SIGUSR2 is received")
	case <-time.After(10 * time.Second):
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sleeper := exec.Command("/bin/sleep", "60")
	if err := sleeper.Start(); err != nil {
		return fail(err)
	}
	start, _ := process.StartTime(sleeper.Process.Pid)
	fmt.Println("living", len(Reap(ctx, []Child{{PID: sleeper.Process.Pid, Start: start}})))
	sleeper.Process.Kill()
	sleeper.Wait()
	return 0
}

func TestAProgramIsReplacedInPlace(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "REEXEC_TEST_ROLE=before")
	out, err := cmd.CombinedOutput()
	want := `exec /no/such/program: no such file or directory
same process true
the connection was waiting
other files closed true
left 0 reaped true
SIGUSR2 is received
living 1
`
	if err != nil || string(out) != want {
		t.Errorf("%v\ngot:\n%s\nwant:\n%s", err, out, want)
	}
}

func TestTheProgramOnDiskIsTheOneThatTheNameLeadsTo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "runner")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for name, want := range map[string]string{
		link: link, "runner": link, // a link to the next version is followed then
		"other": self, other: self, "missing": self, "/missing/runner": self, self: self,
	} {
		if got, err := OnDisk(name); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	t.Chdir(dir)
	if got, err := OnDisk("./runner"); err != nil || filepath.Base(got) != "runner" || strings.HasPrefix(got, ".") {
		t.Errorf("./runner: %s, %v", got, err)
	}
}
