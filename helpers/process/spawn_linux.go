package process

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func sysProcAttr(user *User, group *cgroup) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: user.credential()}
	if group != nil {
		attr.UseCgroupFD = true
		attr.CgroupFD = int(group.dir.Fd())
	}
	return attr
}

// buffered is how many bytes wait in a pipe.
func buffered(pipe *os.File) int {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	err = conn.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	})
	if err != nil {
		return 0
	}
	return n
}

// ignoresSignal tells whether a process has a signal set to be ignored.
func ignoresSignal(pid int, sig unix.Signal) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return true // gone: nobody to wait for
	}
	mask, ok := ignoredSignals(string(data))
	return ok && mask&(1<<(uint(sig)-1)) != 0
}

// ignoredSignals reads the SigIgn line of proc_pid_status(5): bit n-1 stands
// for signal n.
func ignoredSignals(text string) (uint64, bool) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, "SigIgn:")
		if !ok {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		return mask, err == nil
	}
	return 0, false
}
