package process

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// stillActive is the exit code of a process that has not exited.
const stillActive = 259

// StartTime gives when a process started, in a unit of the system's own. A
// number is used again, the pair of number and start time is not.
func StartTime(pid int) (uint64, error) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0, fmt.Errorf("start time of process %d: %w", pid, err)
	}
	defer windows.CloseHandle(handle)
	return creation(handle)
}

func creation(handle windows.Handle) (uint64, error) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(handle, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	return uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime), nil
}

func liveStart(pid int) (uint64, error) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(handle)
	var code uint32
	if err := windows.GetExitCodeProcess(handle, &code); err != nil {
		return 0, err
	}
	if code != stillActive {
		return 0, os.ErrProcessDone
	}
	return creation(handle)
}

func killExactly(pid int, start uint64) error {
	access := uint32(windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.PROCESS_TERMINATE)
	handle, err := windows.OpenProcess(access, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil // no such process
	}
	if err != nil {
		return err
	}
	defer windows.CloseHandle(handle)
	if now, err := creation(handle); err != nil || now != start {
		return err
	}
	return windows.TerminateProcess(handle, killCode)
}

// BootID is empty: start times are absolute here, and never come again.
func BootID() (string, error) { return "", nil }

// HideMemory does nothing on this system.
func HideMemory() error { return nil }

// Self is the path to start this same program from.
func Self() (string, error) { return os.Executable() }
