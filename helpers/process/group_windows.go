package process

import (
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// closeInterruptsRead: a pending read of a pipe ends with its writers only.
const closeInterruptsRead = false

// killCode is the exit code of what is killed: 128 + SIGKILL, as elsewhere.
const killCode = 137

// group is a job object, which every process that descends from the command
// belongs to, and the console process group of the command.
type group struct {
	pid    int
	job    windows.Handle // 0: none could be made
	killed atomic.Bool
}

// newGroup makes the job object. A child that the command started before it
// was assigned escapes; nothing short of a suspended start would prevent it.
func newGroup(cmd *exec.Cmd) *group {
	g := &group{pid: cmd.Process.Pid}
	job, err := newJobObject()
	if err != nil {
		return g
	}
	if err := assign(job, g.pid); err != nil {
		windows.CloseHandle(job)
		return g
	}
	g.job = job
	return g
}

// newJobObject makes one that kills its processes when its last handle is
// closed, by the end of this process too.
func newJobObject() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

func assign(job windows.Handle, pid int) error {
	access := uint32(windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE)
	handle, err := windows.OpenProcess(access, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(handle)
	return windows.AssignProcessToJobObject(job, handle)
}

// signal sends CTRL_BREAK for both of the softer stages: a process group of
// its own does not get CTRL_C.
func (g *group) signal(s stage) {
	if s != stageKill {
		_ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(g.pid))
		return
	}
	g.killed.Store(true)
	if g.job != 0 {
		_ = windows.TerminateJobObject(g.job, killCode)
		return
	}
	if process, err := os.FindProcess(g.pid); err == nil {
		_ = process.Kill()
		_ = process.Release()
	}
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION.
type accounting struct {
	totalUserTime, totalKernelTime, periodUserTime, periodKernelTime int64
	pageFaults, totalProcesses, activeProcesses, terminatedProcesses uint32
}

func (g *group) alive() bool {
	if g.job == 0 {
		return false
	}
	var info accounting
	err := windows.QueryInformationJobObject(g.job, windows.JobObjectBasicAccountingInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	return err == nil && info.activeProcesses > 0
}

func (g *group) exists() bool { return g.alive() }

func (g *group) ignores(stage) bool { return false }

func (g *group) close() {
	if g.job != 0 {
		windows.CloseHandle(g.job)
		g.job = 0
	}
}

func (g *group) status(state *os.ProcessState) Status {
	if g.killed.Load() && state.ExitCode() == killCode {
		return killed()
	}
	return Status{Code: state.ExitCode()}
}

func sysProcAttr(*User, *cgroup) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

func buffered(*os.File) int { return 0 }

// killPass ends the job objects of the family that have members, once, and
// gives their first processes.
func (f *Family) killPass(bool) ([]Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []Info
	for c := range f.groups {
		if !c.group.alive() && !c.running() {
			c.group.close()
			delete(f.groups, c)
			continue
		}
		c.group.signal(stageKill)
		found = append(found, Info{PID: c.group.pid, Name: "job object"})
	}
	return found, nil
}
