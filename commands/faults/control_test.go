//go:build real

package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/control"
	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// command runs a verb against the runner, and gives what it prints and its
// exit code.
func (r *runner) command(verb string, args ...string) (string, int) {
	r.t.Helper()
	line := append([]string{verb, "-c", filepath.Join(r.dir, "config.toml"), "--working-directory", filepath.Join(r.dir, "state")}, args...)
	cmd := exec.Command(binary, line...)
	out, _ := cmd.CombinedOutput() // the code tells
	return string(out), cmd.ProcessState.ExitCode()
}

func (r *runner) must(verb string, args ...string) string {
	r.t.Helper()
	out, code := r.command(verb, args...)
	if code != 0 {
		r.t.Fatalf("%s %q: exit code %d\n%s", verb, args, code, out)
	}
	return out
}

func (r *runner) jobs() (jobs []control.Job) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.must("jobs", "--json")), &jobs); err != nil {
		r.t.Fatal(err)
	}
	return jobs
}

// reachable waits until commands can talk to the runner.
func (r *runner) reachable() {
	r.t.Helper()
	eventually(r.t, 20*time.Second, "the runner answers", func() bool { _, code := r.command("jobs"); return code == 0 })
}

func TestJobsAreShownAndCancelledAlsoAfterTheRunnerWasReplaced(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	r := start(t, dir)
	script := "on: push\njobs:\n  slow:\n    runs-on: linux\n    steps:\n      - name: work\n        run: |\n" +
		indent("echo started; sleep 60", 10) + "      - if: always()\n        run: echo swept\n"
	task := g.task(t, g.submit(t, script))
	g.logged(t, task, "started\n", 20*time.Second)
	check := func(r *runner) {
		t.Helper()
		jobs := r.jobs()
		if len(jobs) != 1 || jobs[0].Task != task || jobs[0].Runner != "a" || jobs[0].State != "running" || jobs[0].Step != 1 ||
			jobs[0].StepName != "work" || jobs[0].Job != "slow" || jobs[0].Repository == "" || jobs[0].Rows == 0 || jobs[0].Since == nil {
			t.Errorf("jobs %+v", jobs)
		}
	}
	check(r)
	if text := r.must("jobs"); !strings.Contains(text, "1 work") || !strings.Contains(text, "REPOSITORY") {
		t.Errorf("jobs:\n%s", text)
	}
	r.signal(syscall.SIGKILL)
	<-r.Exited
	r = start(t, dir)
	r.reachable()
	eventually(t, 10*time.Second, "the job is adopted", func() bool { jobs := r.jobs(); return len(jobs) == 1 && jobs[0].PID != 0 })
	check(r)
	if out, code := r.command("cancel", "999"); code != 1 || !strings.Contains(out, "no job with task 999") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out := r.must("cancel", fmt.Sprint(task)); !strings.Contains(out, "is cancelled") {
		t.Errorf("cancel: %s", out)
	}
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusCancelled {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); !strings.Contains(text, "swept") {
		t.Errorf("always() did not run:\n%s", text)
	}
	r.clean()
	if jobs := r.jobs(); len(jobs) != 0 {
		t.Errorf("jobs %+v", jobs)
	}
}

func TestAKillEndsAJobAtOnceAndServersAreToldApart(t *testing.T) {
	one, two := newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(one, "a", ""), registration(two, "b", ""))
	r := start(t, dir)
	script := workflow("trap '' INT TERM; echo started; while true; do sleep 0.1; done")
	first, second := one.task(t, one.submit(t, script)), two.task(t, two.submit(t, script))
	one.logged(t, first, "started\n", 20*time.Second)
	two.logged(t, second, "started\n", 20*time.Second)
	if first != second {
		t.Fatalf("tasks %d and %d: the test needs the same number", first, second)
	}
	out, code := r.command("cancel", "--kill", fmt.Sprint(first))
	if code != 1 || !strings.Contains(out, "--url") || !strings.Contains(out, one.URL()) || !strings.Contains(out, two.URL()) {
		t.Errorf("exit code %d: %s", code, out)
	}
	began := time.Now()
	r.must("cancel", "--kill", "--url", one.URL(), fmt.Sprint(first))
	if status := one.result(t, first, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("the kill took %s", took)
	}
	eventually(t, 10*time.Second, "the other job is the only one", func() bool { jobs := r.jobs(); return len(jobs) == 1 && jobs[0].Runner == "b" })
	r.must("cancel", "--kill", fmt.Sprint(second))
	two.result(t, second, 30*time.Second)
	r.clean()
}

func TestAPausedRegistrationGetsNoJobAlsoAfterARestart(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	r := start(t, dir)
	running := g.task(t, g.submit(t, workflow("echo started; sleep 3; echo done")))
	g.logged(t, running, "started\n", 20*time.Second)
	r.must("pause")
	run := g.submit(t, workflow("echo second"))
	if status := g.result(t, running, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the running job: %v", status)
	}
	if out := r.must("list"); !strings.Contains(out, "paused") {
		t.Errorf("list:\n%s", out)
	}
	r.signal(syscall.SIGTERM)
	r.waitExit(30 * time.Second)
	r = start(t, dir)
	r.reachable()
	<-time.After(2 * time.Second) // twenty polls, if it were not paused
	if info, _ := g.Run(run); info.Jobs[0].TaskID != 0 {
		t.Error("a paused registration got a job")
	}
	if out := r.must("resume", "--name", "a"); out != "resumed a\n" {
		t.Errorf("resume: %q", out)
	}
	if status := g.result(t, g.task(t, run), 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("after the pause: %v", status)
	}
}

func TestDrainWaitsForJobsAndTheEndOfTheProcess(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo started; sleep 3; echo done")))
	g.logged(t, task, "started\n", 20*time.Second)
	later := g.submit(t, workflow("echo later"))
	r.must("drain", "--no-wait")
	if jobs := r.jobs(); len(jobs) != 1 {
		t.Errorf("while it drains: %+v", jobs)
	}
	out := r.must("drain")
	select {
	case <-r.Exited:
	case <-time.After(time.Second): // reaping takes a moment
		t.Error("drain has returned, the runner has not ended")
	}
	if !strings.Contains(out, "draining: 1 job running") || !strings.HasSuffix(out, "the runner has ended\n") {
		t.Errorf("drain:\n%s", out)
	}
	if code := r.waitExit(time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if status := g.result(t, task, time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	if info, _ := g.Run(later); info.Jobs[0].TaskID != 0 {
		t.Error("a job was fetched while it drained")
	}
	if out, code := r.command("drain"); code != 1 || !strings.Contains(out, "no runner is running") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// ephemeral is a registration for one job.
func ephemeral(g *gitea, name string) string {
	row := g.AddRunner(coordinator.RunnerSpec{Name: name, Labels: []string{"linux"}, Ephemeral: true})
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\ntoken = %q\nlabels = [\"linux:host\"]\nephemeral = true\n", name, g.URL(), row.UUID, row.Token)
}

func configText(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAnEphemeralRegistrationLeavesTheConfigurationAfterItsJob(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, ephemeral(g, "once"))
	before := configText(t, dir)
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo only")))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); !strings.Contains(text, "only\n") {
		t.Errorf("the log is not whole:\n%s", text)
	}
	eventually(t, 10*time.Second, "the registration is gone from the file", func() bool { return !strings.Contains(configText(t, dir), "once") })
	if kept, _, _ := strings.Cut(before, "[[runners]]"); strings.TrimSpace(configText(t, dir)) != strings.TrimSpace(kept) {
		t.Errorf("more than the registration is gone:\n%s", configText(t, dir))
	}
	r.says(10*time.Second, "is taken out of the configuration")
	r.says(10*time.Second, "1 removed")
	r.clean()
}

// The file writes its registrations as the program cannot edit them.
func TestASpentRegistrationThatCannotBeTakenOutIsNotPolledAgain(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	block := ephemeral(g, "once")
	inline := "runners = [{ " + strings.Join(strings.Split(strings.TrimSpace(block), "\n")[1:], ", ") + " }]\n"
	realrun.WriteConfig(t, dir, 1, inline)
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("echo only")))
	g.result(t, task, 30*time.Second)
	check := func() {
		t.Helper()
		r.says(10*time.Second, "cannot be taken out of the configuration.*runner unregister")
		if out := r.must("list"); !strings.Contains(out, "spent") {
			t.Errorf("list:\n%s", out)
		}
	}
	check()
	r.must("drain")
	polls := g.Stats(coordinator.FetchTask).Requests
	r = start(t, dir)
	r.reachable()
	check()
	if now := g.Stats(coordinator.FetchTask).Requests; now != polls {
		t.Errorf("%d polls of a registration that is spent", now-polls)
	}
	r.must("drain")

	writeConfig(t, dir, 1, block)
	start(t, dir)
	eventually(t, 10*time.Second, "the registration is gone from the file", func() bool { return !strings.Contains(configText(t, dir), "once") })
}
