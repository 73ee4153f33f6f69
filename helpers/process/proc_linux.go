package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// procStat is what of /proc/PID/stat matters here.
type procStat struct {
	pid, ppid, pgrp, session int
	state                    byte
	threads                  int
	start                    uint64 // clock ticks since boot
	name                     string
}

// dead tells that the process runs no code any more. A process whose first
// thread ended is a zombie by its state, but lives on in the others.
func (p procStat) dead() bool {
	return (p.state == 'Z' || p.state == 'X') && p.threads <= 1
}

// parseStat reads a line of proc_pid_stat(5). The name may hold anything,
// spaces and parentheses too, so the fields are counted from its end.
func parseStat(line []byte) (procStat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return procStat{}, fmt.Errorf("no process name in %q", line)
	}
	p := procStat{name: string(line[open+1 : end])}
	fields := bytes.Fields(line[end+1:])
	const fieldsTillStart = 20
	if len(fields) < fieldsTillStart || len(fields[0]) != 1 {
		return procStat{}, fmt.Errorf("%d fields after the process name in %q", len(fields), line)
	}
	p.state = fields[0][0]
	var err error
	number := func(field []byte) int {
		n, e := strconv.Atoi(string(field))
		if e != nil && err == nil {
			err = e
		}
		return n
	}
	p.pid = number(bytes.TrimSpace(line[:open]))
	p.ppid = number(fields[1])
	p.pgrp = number(fields[2])
	p.session = number(fields[3])
	p.threads = number(fields[17])
	start, e := strconv.ParseUint(string(fields[19]), 10, 64)
	if e != nil && err == nil {
		err = e
	}
	p.start = start
	return p, err
}

func readStat(pid int) (procStat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return procStat{}, err
	}
	return parseStat(data)
}

// listProcs gives every process that can be seen. One that ends meanwhile is
// left out.
func listProcs() ([]procStat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var list []procStat
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := readStat(pid); err == nil {
			list = append(list, p)
		}
	}
	return list, nil
}

// descendants gives the processes below the given ones, which are left out
// themselves, parents before their children: a parent that is killed first
// cannot start its child again.
func descendants(all []procStat, roots ...int) []procStat {
	children := map[int][]procStat{}
	for _, p := range all {
		children[p.ppid] = append(children[p.ppid], p)
	}
	seen := map[int]bool{}
	for _, pid := range roots {
		seen[pid] = true
	}
	var found []procStat
	for queue := roots; len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			if seen[p.pid] {
				continue
			}
			seen[p.pid] = true
			found = append(found, p)
			queue = append(queue, p.pid)
		}
	}
	return found
}

// childPIDs gives the direct children of this process, zombies too.
func childPIDs() ([]int, error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, task := range tasks {
		data, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			if os.IsNotExist(err) && threadLives(task.Name()) {
				return childPIDsByParent() // a kernel without CONFIG_PROC_CHILDREN
			}
			continue
		}
		for _, field := range bytes.Fields(data) {
			if pid, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

func threadLives(tid string) bool {
	_, err := os.Stat("/proc/self/task/" + tid)
	return err == nil
}

func childPIDsByParent() ([]int, error) {
	all, err := listProcs()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	var pids []int
	for _, p := range all {
		if p.ppid == self {
			pids = append(pids, p.pid)
		}
	}
	return pids, nil
}

// killExactly sends SIGKILL to that process and to no other that got its
// number meanwhile. A process that is gone is no error.
func killExactly(pid int, start uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return nil
	}
	if err == nil {
		defer unix.Close(fd)
	}
	now, statErr := readStat(pid)
	if statErr != nil || now.start != start {
		return nil
	}
	if err == nil {
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	} else {
		err = unix.Kill(pid, unix.SIGKILL) // no pidfd here: the look above must do
	}
	if err == unix.ESRCH {
		return nil
	}
	return err
}
