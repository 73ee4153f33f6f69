package process

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHiddenMemoryIsNotDumpableAndCommandsStillStart(t *testing.T) {
	if err := HideMemory(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }()
	if value, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || value != 0 {
		t.Errorf("dumpable is %d, %v", value, err)
	}
	var out buffer
	o := sh("tr '\\0' '\\n' < /proc/self/environ")
	o.Stdout = &out
	start(t, newFamily(t), o).Wait(t.Context(), forever())
	if !strings.Contains(out.String(), "PATH=") {
		t.Errorf("the command cannot see itself: %q", out.String())
	}
}
