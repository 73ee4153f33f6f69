package process

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAllProcessesOfABootShareAClockThatGoesOn(t *testing.T) {
	before, ok := Clock()
	if !ok {
		if runtime.GOOS == "linux" || runtime.GOOS == "darwin" {
			t.Fatal("there is none")
		}
		t.Skip("no clock on " + runtime.GOOS)
	}
	if os.Getenv("CLOCK_CHILD") != "" {
		os.Stdout.WriteString("clock " + strconv.FormatInt(int64(before), 10) + "\n")
		return
	}
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "CLOCK_CHILD=1")
	out, err := child.Output()
	if err != nil {
		t.Fatal(err)
	}
	after, _ := Clock()
	_, text, _ := strings.Cut(string(out), "clock ")
	text, _, _ = strings.Cut(text, "\n")
	told, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if seen := time.Duration(told); seen <= before || seen >= after {
		t.Errorf("a child between %s and %s has %s", before, after, seen)
	}
}
