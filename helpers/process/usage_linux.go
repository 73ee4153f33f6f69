package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// TreeUsage measures the roots that live, and everything below them, with one
// look at /proc. Elsewhere than on Linux it gives errors.ErrUnsupported.
func TreeUsage(roots []Root) (own, below Usage, err error) {
	if len(roots) == 0 {
		return own, below, nil
	}
	all, err := listProcs()
	if err != nil {
		return own, below, fmt.Errorf("list processes: %w", err)
	}
	starts := make(map[int]uint64, len(all))
	for _, p := range all {
		if !p.dead() {
			starts[p.pid] = p.start
		}
	}
	var living []int
	for _, root := range roots {
		if start, ok := starts[root.PID]; ok && start == root.Start {
			living = append(living, root.PID)
			own.add(root.PID)
		}
	}
	if len(living) == 0 {
		return own, below, nil
	}
	for _, p := range descendants(all, living...) {
		if !p.dead() {
			below.add(p.pid)
		}
	}
	return own, below, nil
}

// add counts a process; one that has ended meanwhile has no memory.
func (u *Usage) add(pid int) {
	u.Processes++
	u.Bytes += residentBytes(pid)
}

// residentBytes is the second field of proc_pid_statm(5), in bytes.
func residentBytes(pid int) int64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
