//go:build real

package containers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// stage is a point of a job's life at which something is killed.
type stage struct {
	name string
	// service is what the workflow says of one, script its step.
	service, script string
	// there tells that the job has come so far.
	there func(w *world, task int64) bool
}

func stages() []stage {
	has := func(w *world, kind string, n int) bool {
		count := 0
		for _, one := range w.left() {
			if strings.HasPrefix(one, kind) {
				count++
			}
		}
		return count >= n
	}
	logged := func(text string) func(w *world, task int64) bool {
		return func(w *world, task int64) bool { return strings.Contains(w.g.Text(task), text) }
	}
	const lasting = `cmd: [sleep, "1000"]` // servers hand on cmd, not entrypoint
	return []stage{
		{"making its network", lasting, "echo fine", func(w *world, _ int64) bool { return has(w, "network", 1) }},
		{"making its containers", lasting, "echo fine", func(w *world, _ int64) bool { return has(w, "container", 1) }},
		{"waiting for a service", lasting + "\noptions: --health-cmd 'test -e /ready' --health-interval 1s --health-retries 1000", "echo fine", logged("to be healthy")},
		{"running a step", lasting, "echo started; until [ -e /tmp/go ]; do sleep 0.1; done; echo fine", logged("started\n")},
		{"cleaning up", lasting, "echo fine", logged("in the hook\n")},
	}
}

// victims are what is killed.
var victims = []string{"the job process", "the supervisor", "both"}

// TestNothingIsLeftAfterKills kills at each stage. A job whose process lives is
// taken over with its container and succeeds.
func TestNothingIsLeftAfterKills(t *testing.T) {
	for _, s := range stages() {
		for _, victim := range victims {
			t.Run(s.name+"/"+victim, func(t *testing.T) { killAt(t, s, victim) })
		}
	}
}

func killAt(t *testing.T, s stage, victim string) {
	w := newWorld(t)
	// The hook runs on the machine, around the job in its container.
	hook := filepath.Join(w.dir, "hook.sh")
	write(t, w.dir, map[string]string{"hook.sh": "echo in the hook\nuntil [ -e " + w.dir + "/hook-go ]; do sleep 0.05; done\n"})
	extra := ""
	if s.name == "cleaning up" {
		extra = fmt.Sprintf("[runners.hooks]\njob_completed = %q\n", hook)
	}
	realrun.WriteConfig(t, w.dir, 2, "", w.registration("a", extra))
	r := w.start()
	run := w.g.Start(t, "on: push\njobs:\n  job:\n    runs-on: box\n    services:\n      one:\n        image: "+w.box+"\n"+
		realrun.Indent(s.service, 8)+"    steps:\n      - run: |\n"+realrun.Indent(s.script, 10))
	task := w.g.Picked(t, run, 20*time.Second)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the task:\n%s", w.g.Text(task))
		}
	})
	realrun.Eventually(t, 30*time.Second, "the job is "+s.name, func() bool { return s.there(w, task) })
	before := w.left()
	if victim != "the supervisor" {
		for _, pid := range realrun.JobProcesses(filepath.Join(w.dir, "state")) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	if victim != "the job process" {
		r.Signal(syscall.SIGKILL)
		r.WaitExit(10 * time.Second)
		r = w.start()
	}
	want := coordinator.StatusFailure
	if victim == "the supervisor" {
		want = coordinator.StatusSuccess
		w.letGo(s, before)
	}
	if status := w.g.Ended(t, task, 60*time.Second); status != want {
		t.Errorf("status %v, want %v\n%s", status, want, w.g.Text(task))
	}
	w.clean(r)
}

// letGo ends what holds the job, in the very containers that there were.
func (w *world) letGo(s stage, before []string) {
	w.t.Helper()
	write(w.t, w.dir, map[string]string{"hook-go": ""})
	switch s.name {
	case "waiting for a service":
		w.touch("one", "/ready")
	case "running a step":
		if now := w.left(); !slices.Equal(before, now) {
			w.t.Errorf("there were %v, now %v", before, now)
		}
		w.touch("job", "/tmp/go")
	}
}
