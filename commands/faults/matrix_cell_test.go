//go:build real

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/job"
	"multirunner/network/coordinator"
)

// state is where a job is when the fault comes.
type state string

const (
	claimed    state = "claimed"     // on disk, no job process yet
	preparing  state = "preparing"   // in "Set up job"
	running    state = "running"     // in a step, half of its rows are written
	logSent    state = "log sent"    // the server has all rows and no_more, not the result
	resultSent state = "result sent" // the server has the result, the runner has no answer
	cleaning   state = "cleaning"    // after the steps, in "Complete job"
)

var states = []state{claimed, preparing, running, logSent, resultSent, cleaning}

func contains(list []state, s state) bool { return slices.Contains(list, s) }

// rowsInAll is how many rows the step writes, half of them before it waits.
const rowsInAll = 40

// dying is how long a killed process may take: until a sync that it waits for
// has ended.
const dying = 30 * time.Second

// cell is one job that meets one fault.
type cell struct {
	t      *testing.T
	state  state
	rand   *rand.Rand
	g      *gitea
	r      *runner
	dir    string
	task   int64
	marker string // in the command line of what the job leaves in the background
	config []byte
	clock  atomic.Int64 // how far the server's clock is ahead
	rows   int          // of the step, that there are when the fault comes
	more   bool         // the job runs up to half of its rows before it is hit
	cgroup string
	unhold func()
}

// newCell starts a runner; small gives its state directory a small disk of its
// own.
func newCell(t *testing.T, s state, number int, lots *rand.Rand, small bool) *cell {
	c := &cell{
		t: t, state: s, rand: lots, dir: t.TempDir(), marker: fmt.Sprintf("7%d%03d", os.Getpid(), number), unhold: func() {},
	}
	c.g = newGitea(t, coordinator.Options{Now: func() time.Time { return time.Now().Add(time.Duration(c.clock.Load())) }})
	hooks := ""
	switch s {
	case preparing:
		hooks = c.hook("job_started")
	case cleaning:
		hooks = c.hook("job_completed")
	}
	writeConfig(t, c.dir, 1, registration(c.g, "a", hooks))
	c.config, _ = os.ReadFile(c.file("config.toml"))
	if small {
		smallDisk(t, c.file("state"))
	}
	c.r = start(t, c.dir)
	return c
}

func (c *cell) file(name string) string { return filepath.Join(c.dir, name) }

// hook makes a hook that waits until the job is let go.
func (c *cell) hook(name string) string {
	path := c.file(name + ".sh")
	script := "echo in the hook\nuntil [ -e " + c.file("go") + " ]; do sleep 0.1; done\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("[runners.hooks]\n%s = %q\n", name, path)
}

func (c *cell) script() string {
	return fmt.Sprintf("setsid sleep %s &\nfor i in $(seq 1 %d); do echo row $i; done\nuntil [ -e %s ]; do sleep 0.1; done\nfor i in $(seq %d %d); do echo row $i; done",
		c.marker, rowsInAll/2, c.file("go"), rowsInAll/2+1, rowsInAll)
}

// reach holds the job in the cell's state.
func (c *cell) reach() {
	if c.state == claimed {
		c.reachClaimed()
		return
	}
	if c.state == cleaning {
		// The step itself need not wait.
		c.task = c.g.task(c.t, c.g.submit(c.t, workflow(strings.ReplaceAll(c.script(), "until [ -e "+c.file("go"), "until [ -e "+c.dir))))
		c.g.logged(c.t, c.task, "in the hook\n", 20*time.Second)
		c.rows = rowsInAll
		c.noteCgroup()
		return
	}
	c.task = c.g.task(c.t, c.g.submit(c.t, workflow(c.script())))
	if c.state == preparing {
		c.g.logged(c.t, c.task, "in the hook\n", 20*time.Second)
		c.noteCgroup()
		return
	}
	c.g.logged(c.t, c.task, fmt.Sprintf("\nrow %d\n", rowsInAll/2), 20*time.Second)
	c.rows = rowsInAll / 2
	c.noteCgroup()
	switch c.state {
	case logSent:
		c.unhold = c.g.Fault(coordinator.UpdateTask, coordinator.Fault{Status: 503})
	case resultSent:
		c.unhold = c.g.Fault(coordinator.UpdateTask, coordinator.Fault{DropAfter: true})
	default:
		return
	}
	c.release()
	c.rows = rowsInAll
	eventually(c.t, 20*time.Second, "the job is "+string(c.state), func() bool {
		info, _ := c.g.Task(c.task)
		return info.Archived && (c.state == logSent || info.Status.Done())
	})
	if len(c.r.leftovers()) == 0 {
		c.t.Fatal("the runner is done with the job")
	}
}

// reachClaimed stops the supervisor, as a debugger does, between the claim of
// a task and the start of its job process. That is a moment: when it is
// missed, another job is tried.
func (c *cell) reachClaimed() {
	jobs := c.file("state/jobs")
	eventually(c.t, 20*time.Second, "the runner polls", func() bool { return c.g.Stats(coordinator.FetchTask).Requests > 0 })
	for range 50 {
		run := c.g.submit(c.t, workflow(c.script()))
		stopped := c.stopAtClaim(jobs)
		c.task = c.g.task(c.t, run)
		if stopped {
			c.noteCgroup()
			return
		}
		c.release()
		c.g.result(c.t, c.task, 30*time.Second)
		c.r.clean()
		os.Remove(c.file("go"))
	}
	c.t.Fatal("the supervisor was never stopped between a claim and its job process")
}

// stopAtClaim stops the supervisor once a claim is whole, and tells whether it
// has no job process yet.
func (c *cell) stopAtClaim(jobs string) bool {
	pid := c.r.cmd.Process.Pid
	for deadline := time.Now().Add(20 * time.Second); ; {
		files, _ := filepath.Glob(filepath.Join(jobs, "*", "claim.json"))
		if len(files) == 1 {
			if data, err := os.ReadFile(files[0]); err == nil && json.Valid(data) {
				break
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatal("no claim")
		}
		time.Sleep(20 * time.Microsecond)
	}
	c.r.signal(syscall.SIGSTOP)
	eventually(c.t, 5*time.Second, "the supervisor stands still", func() bool { return statOf(pid).state == "T" })
	if len(childrenOf(pid)) == 0 {
		return true
	}
	c.r.signal(syscall.SIGCONT)
	return false
}

// soon is a moment, of the seed's choice.
func (c *cell) soon() { <-time.After(time.Duration(c.rand.IntN(300)) * time.Millisecond) }

// resume ends the hold, but leaves the job waiting.
func (c *cell) resume() {
	if c.state == claimed {
		c.r.signal(syscall.SIGCONT)
	}
	c.unhold()
}

// release lets the job's waiting script go on.
func (c *cell) release() {
	if err := os.WriteFile(c.file("go"), nil, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cell) letGo() {
	c.resume()
	c.soon()
	c.release()
}

func (c *cell) killSupervisor() {
	c.r.signal(syscall.SIGKILL)
	c.r.waitExit(dying)
}

// restart starts the next supervisor; the job goes on before it, or after.
func (c *cell) restart() {
	first := c.rand.IntN(2) == 0
	c.unhold()
	if first {
		c.release()
		c.soon()
	}
	c.r = start(c.t, c.dir)
	if !first {
		c.soon()
		c.release()
	}
}

// killJob kills the job process; of a job that is claimed, as soon as there
// is one.
func (c *cell) killJob() {
	c.more = c.state == claimed
	var pids []int
	eventually(c.t, 10*time.Second, "there is a job process", func() bool {
		pids = childrenOf(c.r.cmd.Process.Pid)
		return len(pids) > 0
	})
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

func (c *cell) breakConfig() {
	if err := os.WriteFile(c.file("config.toml"), []byte("concurrent = [\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.r.signal(syscall.SIGHUP)
}

func (c *cell) mendConfig() {
	if err := os.WriteFile(c.file("config.toml"), c.config, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// sweep has the server close what it has not heard of for long.
func (c *cell) sweep() {
	c.clock.Store(int64(time.Hour))
	c.g.Sweep()
}

// shiftClock makes every time of the wall clock that is on the disk so much
// later, as a clock that was set so much back while no supervisor ran.
func (c *cell) shiftClock(by time.Duration) {
	c.t.Helper()
	shifted := 0
	for name, key := range map[string]string{"claim.json": "time", job.InfoName: "deadline"} {
		paths, _ := filepath.Glob(filepath.Join(c.file("state/jobs"), "*", name))
		for _, path := range paths {
			var content map[string]json.RawMessage
			var at time.Time
			data, err := os.ReadFile(path)
			if err == nil {
				err = errors.Join(json.Unmarshal(data, &content), json.Unmarshal(content[key], &at))
			}
			if err == nil {
				content[key], _ = json.Marshal(at.Add(by))
				data, _ = json.Marshal(content)
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				c.t.Fatal(err)
			}
			shifted++
		}
	}
	if shifted == 0 {
		c.t.Fatal("no time is on the disk")
	}
}

// noteCgroup remembers the job's cgroup: what tells of it goes with the job.
func (c *cell) noteCgroup() {
	dirs, _ := filepath.Glob(c.file("state/jobs/*"))
	for _, dir := range dirs {
		if info, err := job.LoadInfo(dir); err == nil {
			c.cgroup = info.Cgroup
		}
	}
}

// checkLog compares the rows of the server with what the job wrote.
func (c *cell) checkLog(failed, deleted, byItself bool) {
	c.t.Helper()
	want := rowsInAll
	if failed {
		want = c.rows
	}
	var got []string
	ends := 0
	for _, line := range c.g.Log(c.task) {
		if strings.HasPrefix(line.Content, "row ") {
			got = append(got, line.Content)
		}
		if strings.Contains(line.Content, "closed as failed") {
			ends++
		}
	}
	for i, row := range got {
		if row != fmt.Sprintf("row %d", i+1) {
			c.t.Errorf("%q is the step's row %d", row, i+1)
			break
		}
	}
	if len(got) != want && !(failed && c.more && len(got) <= rowsInAll/2) {
		c.t.Errorf("%d rows of the step, want %d", len(got), want)
	}
	if explained := failed && !deleted && !byItself; ends > 1 || explained != (ends == 1) {
		c.t.Errorf("%d rows say that the job was closed, failed %v", ends, failed)
	}
	info, _ := c.g.Task(c.task)
	for _, step := range info.Steps {
		if !step.Status.Done() {
			c.t.Errorf("step %s is %v", step.Name, step.Status)
		}
	}
}

// checkMachine looks for what is left of the job.
func (c *cell) checkMachine() {
	c.t.Helper()
	var left []string
	eventually(c.t, 15*time.Second, "no process of the job is left", func() bool {
		left = append(processes("sleep\x00"+c.marker), inside(c.dir)...)
		return len(left) == 0
	})
	if c.cgroup == "" {
		return
	}
	if _, err := os.Stat(c.cgroup); err == nil {
		c.t.Errorf("cgroup %s is left", c.cgroup)
	}
}

// inside lists the processes that are in the state directory below dir, or have
// paths of its build directories in their environment.
func inside(dir string) []string {
	var found []string
	for _, pid := range pids() {
		cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if strings.HasPrefix(cwd, filepath.Join(dir, "state")+"/") || bytes.Contains(environ, []byte(filepath.Join(dir, "state/builds"))) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// stat is of /proc: the state and the parent of a process.
type stat struct {
	state  string
	parent int
}

func statOf(pid int) (s stat) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name is in parentheses and may hold any character.
	if at := bytes.LastIndexByte(data, ')'); at > 0 {
		fmt.Sscan(string(data[at+1:]), &s.state, &s.parent)
	}
	return s
}

func pids() []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		var pid int
		fmt.Sscan(filepath.Base(dir), &pid)
		pids = append(pids, pid)
	}
	return pids
}

// childrenOf lists the living children of a process.
func childrenOf(pid int) []int {
	var found []int
	for _, child := range pids() {
		if s := statOf(child); s.parent == pid && s.state != "Z" {
			found = append(found, child)
		}
	}
	return found
}
