//go:build linux || darwin

package sigmask

import (
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv("SIGMASK_TEST_CHILD") != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

// child is a process that began with SIGUSR2 blocked.
func child() int {
	say := func(text string) { os.Stdout.WriteString(text + "\n") }
	self, _ := os.FindProcess(os.Getpid())
	for range 100 {
		if err := self.Signal(syscall.SIGUSR2); err != nil { // nobody wants it yet
			say(err.Error())
		}
		got := make(chan os.Signal, 4)
		signal.Notify(got, syscall.SIGUSR2)
		select {
		case <-got:
		case <-time.After(10 * time.Second):
			say("what waited does not arrive")
			return 1
		}
		signal.Stop(got)
	}
	err := Clear(func() error { return exec.Command("/bin/sh", "-c", "kill -USR2 $$; exit 0").Run() })
	if exit, ok := err.(*exec.ExitError); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGUSR2 {
		say("a process that was started with Clear: not ended by its signal")
	}
	if err := exec.Command("/bin/sh", "-c", "kill -USR2 $$; exit 0").Run(); err != nil {
		say("a process that was started without: " + err.Error())
	}
	say("done")
	return 0
}

func TestABlockedSignalWaitsForWhoeverWantsIt(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SIGMASK_TEST_CHILD=1")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := Block([]syscall.Signal{syscall.SIGUSR2}, cmd.Start); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != "done\n" {
		t.Errorf("%v, output:\n%s", err, out.String())
	}
	if err := exec.Command("/bin/sh", "-c", "kill -USR2 $$; exit 0").Run(); err == nil {
		t.Error("the mask of this process has not been put back")
	}
}
