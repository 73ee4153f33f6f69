package shell

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// gone tells that a process runs no more.
func gone(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	return unix.Kill(n, 0) == unix.ESRCH
}
