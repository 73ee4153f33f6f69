package process

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// StartTime gives when a process started, in a unit of the system's own. A
// number is used again, the pair of number and start time is not within one
// boot.
func StartTime(pid int) (uint64, error) {
	p, err := readStat(pid)
	if err != nil {
		return 0, fmt.Errorf("start time of process %d: %w", pid, err)
	}
	return p.start, nil
}

func liveStart(pid int) (uint64, error) {
	p, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	if p.dead() {
		return 0, unix.ESRCH
	}
	return p.start, nil
}

// BootID names this boot of the machine; empty on a system that has no name
// for it.
func BootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// HideMemory makes this process not dumpable: processes of the same user,
// those of jobs among them, cannot read its memory or environment, and it
// leaves no core file. Commands that it starts are not affected.
func HideMemory() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("make the process not dumpable: %w", err)
	}
	return nil
}

// Self is the path to start this same program from, also when its file was
// replaced meanwhile.
func Self() (string, error) { return "/proc/self/exe", nil }
