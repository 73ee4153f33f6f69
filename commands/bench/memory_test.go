//go:build bench && linux

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// memoryTable is what the real binary keeps in memory.
func memoryTable(t *testing.T, bin string) table {
	result := table{
		title: "Memory",
		note: "The real binary against a server on loopback. The supervisor once every registration has been polled; job processes " +
			"while a step sleeps, the largest of eight. Unshared is Private_Clean + Private_Dirty of smaps_rollup.",
		head: []string{"process", "resident", "unshared", "aim", "official, measured in 2026"},
	}
	aims := map[int]string{200: "40 MB resident", 10_000: "200 MB resident"}
	official := map[int]string{1: "23 MB, so 4.6 GB for 200"}
	for _, n := range []int{1, 200, 2_000, 10_000} {
		m := supervisorMemory(t, bin, n)
		result.add(fmt.Sprintf("supervisor, registrations: %d", n), megabytes(m.resident), megabytes(m.unshared), aims[n], official[n])
	}
	m := jobMemory(t, bin)
	result.add("job process", megabytes(m.resident), megabytes(m.unshared), "12 MB unshared", "in the runner's process")
	return result
}

// quickPolls let everybody be polled soon: what is kept for a registration is
// there after its first poll.
const quickPolls = `concurrent = 8
[polling]
idle_requests_per_second = 1500
requests_per_second = 1500
`

func supervisorMemory(t *testing.T, bin string, n int) memory {
	g, dir := newGitea(t), t.TempDir()
	g.configure(t, dir, n, quickPolls)
	r := start(t, bin, dir)
	eventually(t, time.Minute, "everybody was polled", func() bool {
		return g.Stats(coordinator.Declare).Requests >= n && g.Stats(coordinator.FetchTask).Requests >= n
	})
	time.Sleep(3 * time.Second)
	m := memoryOf(t, r.cmd.Process.Pid)
	r.stop()
	return m
}

func jobMemory(t *testing.T, bin string) memory {
	const jobs = 8
	g, dir := newGitea(t), t.TempDir()
	g.configure(t, dir, 1, quickPolls)
	r := start(t, bin, dir)
	var runs []int64
	for range jobs {
		runs = append(runs, g.submit(t, 0, jobOf("echo begun", "sleep 4")))
	}
	eventually(t, 30*time.Second, "all jobs are in their second step", func() bool {
		for _, id := range runs {
			info, _ := g.Run(id)
			if task, ok := g.Task(info.Jobs[0].TaskID); !ok || len(task.Steps) < 2 || task.Steps[1].Started.IsZero() {
				return false
			}
		}
		return true
	})
	var largest memory
	for _, pid := range r.jobProcesses() {
		m := memoryOf(t, pid)
		largest.resident = max(largest.resident, m.resident)
		largest.unshared = max(largest.unshared, m.unshared)
	}
	g.await(t, time.Minute, runs...)
	r.stop()
	return largest
}

// jobProcesses are the numbers of the job processes that live.
func (r *runner) jobProcesses() (pids []int) {
	files, _ := filepath.Glob(filepath.Join(r.dir, "state", "jobs", "*", "job.json"))
	for _, file := range files {
		var job struct{ PID int }
		if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &job) == nil {
			pids = append(pids, job.PID)
		}
	}
	return pids
}

// watchMemory gives the most that the runner or one of its job processes was
// seen to have resident, once done is closed. (What wait4 says of a child
// counts the memory of the process that it was forked from.)
func (r *runner) watchMemory(done <-chan struct{}) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		most, look := int64(0), time.NewTicker(20*time.Millisecond)
		defer look.Stop()
		for {
			for _, pid := range append(r.jobProcesses(), r.cmd.Process.Pid) {
				if data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
					most = max(most, fieldsOf(data)["VmHWM"])
				}
			}
			select {
			case <-done:
				peak <- most
				return
			case <-look.C:
			}
		}
	}()
	return peak
}

type memory struct{ resident, unshared int64 }

// memoryOf reads smaps_rollup, which for a job process only root can.
func memoryOf(t *testing.T, pid int) memory {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatalf("memory of the process (job processes are not dumpable, so this needs root): %v", err)
	}
	fields := fieldsOf(data)
	return memory{fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"]}
}

// fieldsOf reads lines like "Rss:  12 kB", in bytes.
func fieldsOf(data []byte) map[string]int64 {
	fields := map[string]int64{}
	for line := range bytes.Lines(data) {
		name, rest, _ := strings.Cut(string(line), ":")
		number, isSize := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		if kb, err := strconv.ParseInt(number, 10, 64); err == nil && isSize {
			fields[name] = kb << 10
		}
	}
	return fields
}
