package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// environLimit is more than the kernel lets an environment have.
const environLimit = 16 << 20

// SweepEnv ends, with SIGKILL, every process that was started with key=value in
// its environment, and all that descends from those. It returns how many
// processes it found, when they are gone; it names what does not go within 10 s
// or until ctx is done. This process and its ancestors are never meant. It sees
// the environment of processes of the same user only, except as root.
func SweepEnv(ctx context.Context, key, value string) (int, error) {
	if key == "" || value == "" {
		return 0, errors.New("sweep processes by environment: key and value must not be empty")
	}
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	found := map[procID]bool{}
	left, err := untilGone(ctx, func() ([]Info, error) {
		list, err := withEnv(key + "=" + value)
		if err != nil {
			return nil, err
		}
		var left []Info
		for _, p := range list {
			found[procID{p.pid, p.start}] = true
			denied := errors.Is(killExactly(p.pid, p.start), unix.EPERM)
			left = append(left, Info{PID: p.pid, Name: p.name, start: p.start, denied: denied})
		}
		return left, nil
	})
	if err != nil {
		return len(found), fmt.Errorf("sweep processes by %s: %w", key, err)
	}
	if len(left) > 0 {
		return len(found), fmt.Errorf("these processes with %s did not end: %s", key, describe(left))
	}
	return len(found), nil
}

type procID struct {
	pid   int
	start uint64
}

// withEnv gives the living processes with an entry, and their descendants.
func withEnv(entry string) ([]procStat, error) {
	all, err := listProcs()
	if err != nil {
		return nil, err
	}
	spared := ancestors(all, os.Getpid())
	meant := func(p procStat) bool { return !spared[p.pid] && !p.dead() }
	var list []procStat
	var pids []int
	for _, p := range all {
		if meant(p) && hasEnv(p.pid, entry) {
			list = append(list, p)
			pids = append(pids, p.pid)
		}
	}
	for _, p := range descendants(all, pids...) {
		if meant(p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// ancestors gives pid and the processes above it.
func ancestors(all []procStat, pid int) map[int]bool {
	parent := map[int]int{}
	for _, p := range all {
		parent[p.pid] = p.ppid
	}
	found := map[int]bool{1: true}
	for pid > 0 && !found[pid] {
		found[pid] = true
		pid = parent[pid]
	}
	return found
}

func hasEnv(pid int, entry string) bool {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, environLimit))
	return err == nil && containsEntry(data, entry)
}

// containsEntry looks for a whole entry of a NUL-separated environment.
func containsEntry(environ []byte, entry string) bool {
	for e := range bytes.SplitSeq(environ, []byte{0}) {
		if string(e) == entry {
			return true
		}
	}
	return false
}
