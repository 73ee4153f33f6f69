//go:build unix

package process

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// playRole is what this test binary does as a child of its own.
func playRole(role string) int {
	switch role {
	case "session":
		return playSession()
	default:
		return 99
	}
}

// playSession tells what it was given.
func playSession() int {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	file, err := InheritedFile(0, "extra")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	extra, err := io.ReadAll(file)
	if err != nil {
		return 1
	}
	flags, err := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0)
	if err != nil {
		return 1
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return 1
	}
	fmt.Printf("input %s extra %s leader %t close-on-exec %t args %v home %q\n", input, extra,
		session == os.Getpid(), flags&unix.FD_CLOEXEC != 0, os.Args, os.Getenv("HOME"))
	return 5
}

func TestSessionGetsInputFilesAndOnlyItsEnvironment(t *testing.T) {
	dir := t.TempDir()
	output, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if err := os.WriteFile(filepath.Join(dir, "extra"), []byte("passed"), 0o600); err != nil {
		t.Fatal(err)
	}
	extra, err := os.Open(filepath.Join(dir, "extra"))
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	s, err := StartSession(SessionOptions{
		Path: self, Name: "runner", Args: []string{"job"},
		Env:    []string{"PROCESS_TEST_ROLE=session"},
		Output: output, ExtraFiles: []*os.File{extra},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !Alive(s.PID(), s.StartTime()) {
		t.Error("a session that waits for input is not alive")
	}
	if _, err := s.Stdin.WriteString("given"); err != nil {
		t.Error(err)
	}
	s.Stdin.Close()
	<-s.Done()
	if s.Status() != (Status{Code: 5}) {
		t.Errorf("status %+v", s.Status())
	}
	if Alive(s.PID(), s.StartTime()) {
		t.Error("alive after its end")
	}
	got, err := os.ReadFile(output.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := `input given extra passed leader true close-on-exec true args [runner job] home ""`
	if strings.TrimSpace(string(got)) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestKillEndsThatProcessOnly(t *testing.T) {
	s, err := StartSession(SessionOptions{Path: "/bin/sh", Args: []string{"-c", "sleep 300"}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stdin.Close()
	defer func() { _ = unix.Kill(-s.PID(), unix.SIGKILL) }()
	if err := Kill(s.PID(), s.StartTime()+1); err != nil {
		t.Errorf("another process of that number: %v", err)
	}
	if !Alive(s.PID(), s.StartTime()) {
		t.Fatal("killed although the start time differs")
	}
	if err := s.Kill(); err != nil {
		t.Error(err)
	}
	<-s.Done()
	if s.Status().Signal != "killed" {
		t.Errorf("status %+v", s.Status())
	}
	if err := s.Kill(); err != nil {
		t.Errorf("killing what is gone: %v", err)
	}
}

func TestAZombieIsNotAlive(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 0"}, &syscall.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	start, err := StartTime(pid)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the child becomes a zombie", func() bool { return !Alive(pid, start) })
	if _, err := StartTime(pid); err != nil {
		t.Errorf("a zombie has no start time: %v", err)
	}
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
}

func TestBootIDStays(t *testing.T) {
	first, err := BootID()
	if err != nil || first == "" {
		t.Fatalf("%q, %v", first, err)
	}
	if second, _ := BootID(); second != first {
		t.Errorf("%q, then %q", first, second)
	}
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	var pid int
	eventually(t, path+" holds a number", func() bool {
		data, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
		return err == nil && strings.HasSuffix(string(data), "\n")
	})
	return pid
}

// gone tells that a process runs no more.
func gone(pid int) bool {
	_, err := liveStart(pid)
	return err != nil
}
