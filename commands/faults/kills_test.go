//go:build real

package faults

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/job"
	claims "multirunner/commands/state"
	"multirunner/helpers/process"
	"multirunner/network/coordinator"
)

// kills is a runner whose processes are killed at random.
type kills struct {
	t       *testing.T
	rand    *rand.Rand
	dir     string
	r       *runner
	servers []*gitea        // the second one is a Forgejo
	hit     map[string]bool // jobs whose process was killed, by key
	crashes int             // of the supervisor
}

// submitted is a job of the servers.
type submitted struct {
	server *gitea
	run    int64
}

func TestRandomKills(t *testing.T) { randomKills(t, 20) }

// randomKills runs jobs while supervisor and job processes are killed. A job
// whose process was never killed succeeds, unless it had none yet; every row is
// there once; Forgejo's tasks all end, and Gitea's all but those whose poll was
// being answered when the supervisor was killed.
func randomKills(t *testing.T, jobs int) {
	seed := seedOf(t)
	k := &kills{t: t, rand: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir(), hit: map[string]bool{}}
	k.servers = []*gitea{newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{Forgejo: true})}
	writeConfig(t, k.dir, 4, registration(k.servers[0], "gitea", ""), registration(k.servers[1], "forgejo", ""))
	k.r = start(t, k.dir)
	var all []submitted
	for i := range jobs {
		server := k.servers[i%len(k.servers)]
		all = append(all, submitted{server, server.submit(t, workflow(k.script()))})
		<-time.After(time.Duration(k.rand.IntN(900)) * time.Millisecond)
		k.kill()
	}
	lost, failed := 0, 0
	for _, s := range all {
		switch k.end(s) {
		case coordinator.StatusUnknown:
			lost++
		case coordinator.StatusFailure:
			failed++
		}
	}
	k.r.clean()
	eventually(t, 15*time.Second, "no process of a job is left", func() bool { return len(inside(k.dir)) == 0 })
	t.Logf("%d jobs, %d crashes of the supervisor: %d jobs failed, %d were lost between answer and claim", jobs, k.crashes, failed, lost)
	if lost > k.crashes {
		t.Error("more tasks are lost than there were crashes")
	}
	k.r.signal(syscall.SIGTERM)
	if code := k.r.waitExit(40 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// script writes the rows over up to two seconds, with something in the
// background.
func (k *kills) script() string {
	return fmt.Sprintf("setsid sleep 600 &\nfor i in $(seq 1 %d); do echo row $i; sleep %.3f; done", rowsInAll, k.rand.Float64()*2/rowsInAll)
}

// kill kills the supervisor, a job process, or both.
func (k *kills) kill() {
	what := k.rand.IntN(4)
	victim := k.rand.IntN(1 << 20)
	if what >= 2 {
		k.killJob(victim)
	}
	if what == 2 {
		return
	}
	k.crashes++
	k.r.signal(syscall.SIGKILL)
	k.r.waitExit(dying)
	k.r = start(k.t, k.dir)
}

func (k *kills) killJob(victim int) {
	dirs, _ := filepath.Glob(filepath.Join(k.dir, "state", "jobs", "*"))
	if len(dirs) == 0 {
		return
	}
	dir := dirs[victim%len(dirs)]
	info, err := job.LoadInfo(dir)
	if err != nil {
		return // it has no process yet
	}
	k.hit[filepath.Base(dir)] = true
	process.Kill(info.PID, info.Start) // it may have just ended
}

// end waits for a job's end and checks it. StatusUnknown is of a task that was
// lost on its way to the disk.
func (k *kills) end(s submitted) coordinator.Status {
	k.t.Helper()
	task := s.server.task(k.t, s.run, 60*time.Second)
	key := claims.JobKey(s.server.URL(), task)
	var info coordinator.TaskInfo
	lost := func() bool {
		left, _ := filepath.Glob(filepath.Join(k.dir, "state", "jobs", key))
		return s.server == k.servers[0] && info.LogRows == 0 && len(left) == 0
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		if info, _ = s.server.Task(task); info.Status.Done() {
			break
		}
		if lost() && time.Since(info.Updated) > 5*time.Second {
			k.t.Logf("task %d was lost", task)
			return coordinator.StatusUnknown
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("task %s has not ended; log:\n%s", key, s.server.text(task))
		}
		<-time.After(10 * time.Millisecond)
	}
	k.check(key, info.Status, s.server.Log(task))
	return info.Status
}

func (k *kills) check(key string, status coordinator.Status, log []coordinator.LogLine) {
	k.t.Helper()
	rows, ends := 0, 0
	for _, line := range log {
		if strings.HasPrefix(line.Content, "row ") {
			rows++
			if line.Content != fmt.Sprintf("row %d", rows) {
				k.t.Errorf("%s: %q is the step's row %d", key, line.Content, rows)
			}
		}
		if strings.Contains(line.Content, "closed as failed") {
			ends++
		}
	}
	switch {
	case status == coordinator.StatusSuccess:
		if rows != rowsInAll || ends != 0 {
			k.t.Errorf("%s succeeded with %d of %d rows, closed %d times", key, rows, rowsInAll, ends)
		}
	case status != coordinator.StatusFailure:
		k.t.Errorf("%s is %v", key, status)
	case ends != 1:
		k.t.Errorf("%s failed, and %d rows say why", key, ends)
	case rows > 0 && !k.hit[key]:
		k.t.Errorf("%s failed after %d rows, and nobody killed its process", key, rows)
	}
}
