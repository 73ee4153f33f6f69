//go:build real

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

func TestAJobRunsFromPushToLog(t *testing.T) {
	a, b := newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(a, "team-a", ""), registration(b, "team-b", ""))
	r := start(t, dir)
	for _, g := range []*gitea{a, b} {
		task := g.task(t, g.submit(t, workflow("echo hello from $GITHUB_REPOSITORY; echo out of order >&2")))
		if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
			t.Errorf("status %v, log:\n%s", status, g.text(task))
		}
		view := g.View(task)
		if len(view) != 3 {
			t.Fatalf("%d steps in the viewer", len(view))
		}
		var work strings.Builder
		for _, row := range view[1].Rows {
			work.WriteString(row.Content + "\n")
		}
		if !strings.Contains(work.String(), "hello from owner/repo") || !strings.Contains(work.String(), "out of order") {
			t.Errorf("the step's rows:\n%s", work.String())
		}
		if len(view[0].Rows) == 0 || len(view[2].Rows) == 0 {
			t.Errorf("set-up has %d rows, completion %d", len(view[0].Rows), len(view[2].Rows))
		}
	}
	r.clean()
	r.signal(syscall.SIGTERM)
	if code := r.waitExit(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestASlowAnswerIsNotLost(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	run := g.submit(t, workflow("echo ok"))
	g.Fault(coordinator.FetchTask, coordinator.Fault{Count: 1, DelayAnswer: 8 * time.Second})
	start(t, dir)
	if status := g.result(t, g.task(t, run), 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
}

func TestStopWhileAPollIsHeldLosesNoTask(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	g.Fault(coordinator.FetchTask, coordinator.Fault{Hold: 50 * time.Second})
	r := start(t, dir)
	eventually(t, 10*time.Second, "a poll is held", func() bool { return g.Stats(coordinator.FetchTask).InFlight > 0 })
	r.signal(syscall.SIGTERM)
	task := g.task(t, g.submit(t, workflow("echo ran while leaving")))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v, log:\n%s", status, g.text(task))
	}
	if code := r.waitExit(30 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestAJobThatTheRunnersStopEndsIsNeverASuccess(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	run := g.submit(t, "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n      - run: |\n          trap 'exit 0' INT TERM\n          echo started\n          while true; do sleep 0.1; done\n      - run: echo never\n      - if: always()\n        run: echo not even this\n")
	task := g.task(t, run)
	g.logged(t, task, "started", 20*time.Second)
	r.signal(syscall.SIGTERM)
	<-time.After(300 * time.Millisecond)
	r.signal(syscall.SIGTERM)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if code := r.waitExit(30 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	text := g.text(task)
	if strings.Contains(text, "never\n") || strings.Contains(text, "not even this\n") && !strings.Contains(text, "echo not even this") {
		t.Errorf("later steps ran:\n%s", text)
	}
	if !strings.Contains(strings.ToLower(text), "runner") || !strings.Contains(text, "##[error]") {
		t.Errorf("no row says that the runner's stop ended the job:\n%s", text)
	}
	r.clean()
}

func TestDrainLetsTheJobEnd(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			g := newGitea(t, coordinator.Options{})
			dir := t.TempDir()
			writeConfig(t, dir, 1, registration(g, "a", ""))
			r := start(t, dir)
			task := g.task(t, g.submit(t, workflow("echo started; sleep 2; echo finished")))
			g.logged(t, task, "started\n", 20*time.Second)
			r.signal(sig)
			if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
				t.Errorf("status %v", status)
			}
			if code := r.waitExit(30 * time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(g.text(task), "finished\n") {
				t.Error("the log is not whole")
			}
		})
	}
}

func TestTheThirdSignalEndsAtOnceAndTheNextStartClosesTheJob(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	marker := fmt.Sprintf("86%d", os.Getpid())
	task := g.task(t, g.submit(t, workflow("trap '' INT TERM; echo started; sleep "+marker)))
	g.logged(t, task, "started\n", 20*time.Second)
	for range 3 {
		r.signal(syscall.SIGTERM)
		<-time.After(200 * time.Millisecond)
	}
	if code := r.waitExit(15 * time.Second); code != 1 {
		t.Errorf("exit code %d", code)
	}
	again := start(t, dir)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	eventually(t, 20*time.Second, "no process of the job is left", func() bool { return len(processes("sleep\x00"+marker)) == 0 })
	again.clean()
}

func TestServerAwayAroundAJobsEndLosesNothing(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("for i in $(seq 1 60); do echo line $i; sleep 0.1; done")))
	g.logged(t, task, "line 5\n", 20*time.Second)
	remove := g.Fault(coordinator.AnyRPC, coordinator.Fault{Reset: true})
	<-time.After(60 * time.Second)
	remove()
	if status := g.result(t, task, 90*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for i := 1; i <= 60; i++ {
		if n := strings.Count(text, fmt.Sprintf("\nline %d\n", i)); n != 1 {
			t.Errorf("line %d is %d times in the log", i, n)
		}
	}
	r.clean()
}

func TestABackgroundChildThatHoldsStdoutNeitherFailsNorDelaysAStep(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	marker := fmt.Sprintf("87%d", os.Getpid())
	began := time.Now()
	task := g.task(t, g.submit(t, "on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n"+
		"      - run: |\n          (echo late; exec sleep "+marker+") &\n          echo first\n"+
		"      - run: pgrep -f 'sleep "+marker+"' && echo it lives\n"))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v, log:\n%s", status, g.text(task))
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	if !strings.Contains(g.text(task), "it lives\n") {
		t.Errorf("the child did not live until the next step:\n%s", g.text(task))
	}
	if left := processes("sleep\x00" + marker); len(left) > 0 {
		t.Errorf("left after the job: %v", left)
	}
	r.clean()
}

func TestNothingOfACancelledJobOutlivesIt(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	marker := fmt.Sprintf("88%d", os.Getpid())
	task := g.task(t, g.submit(t, workflow(
		"setsid sleep "+marker+" &\n(setsid sh -c '(sleep "+marker+" &)' &)\nenv -i setsid sleep "+marker+" &\necho started\nsleep "+marker)))
	g.logged(t, task, "started\n", 20*time.Second)
	if err := g.Cancel(task); err != nil {
		t.Fatal(err)
	}
	if status := g.result(t, task, 60*time.Second); status != coordinator.StatusCancelled {
		t.Errorf("status %v", status)
	}
	if left := processes("sleep\x00" + marker); len(left) > 0 {
		t.Errorf("left after the job: %v", left)
	}
	r.clean()
}

func TestCancelRunsTrapsAndAlwaysStepsWhileRowsFlow(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, `on: push
jobs:
  job:
    runs-on: linux
    steps:
      - run: |
          trap 'echo trapped; sleep 1; echo trap is done; exit 3' INT
          echo started
          while true; do sleep 0.1; done
      - run: echo skipped step ran
      - if: always()
        run: for i in 1 2 3; do echo always $i; sleep 0.5; done
      - if: cancelled()
        run: echo cancelled is true
`))
	g.logged(t, task, "\nstarted\n", 20*time.Second)
	if err := g.Cancel(task); err != nil {
		t.Fatal(err)
	}
	g.logged(t, task, "\nalways 1\n", 20*time.Second)
	if info, _ := g.Task(task); info.Status.Done() {
		t.Error("the task had ended before the always() step")
	}
	if status := g.result(t, task, 60*time.Second); status != coordinator.StatusCancelled {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, row := range []string{"trapped", "trap is done", "always 3", "cancelled is true"} {
		if !strings.Contains(text, "\n"+row+"\n") {
			t.Errorf("no row %q", row)
		}
	}
	if strings.Contains(text, "\nskipped step ran\n") {
		t.Error("a step without always() ran after the cancellation")
	}
	if t.Failed() {
		t.Log(text)
	}
	r.clean()
}

func TestASecretIsMaskedInTenForms(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	const secret = `p"ss w/rd+<&>%é`
	script := `set -f
python3 - <<'PY'
import os, base64, json, urllib.parse, sys, time
from xml.sax.saxutils import escape
s = os.environ["S"]
print("plain", s)
print("base64", base64.b64encode(s.encode()).decode())
print("shift1", base64.b64encode(b"x" + s.encode()).decode())
print("shift2", base64.b64encode(b"xx" + s.encode()).decode())
print("basicauth", base64.b64encode(("user:" + s).encode()).decode())
print("json", json.dumps(s, ensure_ascii=False))
print("query", urllib.parse.quote_plus(s))
print("path", urllib.parse.quote(s, safe=""))
print("xml", escape(s))
sys.stdout.write("split " + s[:5]); sys.stdout.flush(); time.sleep(0.3)
sys.stdout.write(s[5:] + "\n")
print("::error::" + s)
PY
added=$(printf 'added-%s' later)
echo "::add-mask::$added"
echo "$added is hidden"
echo "multi $M2"
echo "name=$S" >> "$GITHUB_OUTPUT"
stat -c 'script mode %a' "$0"
`
	task := g.task(t, g.submit(t, "on: push\njobs:\n  job:\n    runs-on: linux\n    env:\n      S: ${{ secrets.S }}\n      M2: second line\n    steps:\n      - run: |\n"+indent(script, 10),
		func(run *coordinator.Run) {
			run.Secrets = map[string]string{"S": secret, "MULTI": "first line\nsecond line\n"}
		}))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, form := range []string{secret, "ss w/rd", "cCJzcyB3", "p\\\"ss", "p%22ss", "second line", "added-later is", "&lt;&amp;&gt;"} {
		if strings.Contains(text, form) {
			t.Errorf("%q is in the log", form)
		}
	}
	for _, prefix := range []string{"plain ***", "base64 ***", "json \"***\"", "query ***", "path ***", "xml ***", "split ***", "multi ***", "*** is hidden", "script mode 600"} {
		if !strings.Contains(text, prefix) {
			t.Errorf("no %q in the log", prefix)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	r.clean()
}

func TestTheRunnersOwnEnvironmentDoesNotReachJobs(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir, "MARKER_OF_THE_RUNNER=marker-value-1", "MULTIRUNNER_X=marker-value-2", "HOME=/marker-home")
	task := g.task(t, g.submit(t, workflow("env | sort | sed 's/^/step: /'; tr '\\0' '\\n' < /proc/$PPID/environ || true")))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, marker := range []string{"marker-value-1", "marker-value-2", "step: HOME=/marker-home"} {
		if strings.Contains(text, marker) {
			t.Errorf("%s reached the job:\n%s", marker, text)
		}
	}
	if !strings.Contains(text, "\nPATH=") {
		t.Errorf("the environment of the job process was not read:\n%s", text)
	}
	r.clean()
}

func TestWhatAKilledRunnerLeftIsClosedByTheNextStart(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	marker := fmt.Sprintf("89%d", os.Getpid())
	task := g.task(t, g.submit(t, workflow("echo started; setsid sleep "+marker+" & sleep "+marker)))
	g.logged(t, task, "started\n", 20*time.Second)
	r.signal(syscall.SIGKILL)
	r.waitExit(5 * time.Second)
	for _, pid := range jobProcesses(dir) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	again := start(t, dir)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusFailure {
		t.Errorf("status %v", status)
	}
	if text := g.text(task); !strings.Contains(text, "closed as failed") {
		t.Errorf("no row says what happened:\n%s", text)
	}
	eventually(t, 20*time.Second, "no process of the job is left", func() bool { return len(processes("sleep\x00"+marker)) == 0 })
	again.clean()
}

func TestAJobLivesOnWhenItsSupervisorIsKilled(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	task := g.task(t, g.submit(t, workflow("for i in $(seq 1 40); do echo line $i; sleep 0.1; done")))
	g.logged(t, task, "line 3\n", 20*time.Second)
	r.signal(syscall.SIGKILL)
	r.waitExit(5 * time.Second)
	again := start(t, dir)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for i := 1; i <= 40; i++ {
		if n := strings.Count(text, fmt.Sprintf("\nline %d\n", i)); n != 1 {
			t.Errorf("line %d is %d times in the log", i, n)
		}
	}
	again.clean()
}

// jobProcesses gives the pids of the job processes of a state directory.
func jobProcesses(dir string) []int { return realrun.JobProcesses(filepath.Join(dir, "state")) }

func TestAServerThatHangsDoesNotDelayTheOther(t *testing.T) {
	for _, concurrent := range []int{1, 2} {
		t.Run(fmt.Sprint(concurrent), func(t *testing.T) {
			a, b := newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{})
			dir := t.TempDir()
			writeConfig(t, dir, concurrent, registration(a, "a", ""), registration(b, "b", ""))
			b.Fault(coordinator.FetchTask, coordinator.Fault{Hang: true})
			start(t, dir)
			eventually(t, 20*time.Second, "a poll hangs", func() bool { return b.Stats(coordinator.FetchTask).InFlight > 0 })
			// The first hung poll is not known to hang before its patience (hold
			// and 10 s) has passed; with one slot the other server waits for it.
			patience := 20 * time.Second
			task := a.task(t, a.submit(t, workflow("echo one")), patience)
			a.result(t, task, 20*time.Second)
			for range 3 {
				began := time.Now()
				a.task(t, a.submit(t, workflow("echo next")))
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("a job waited %s for a slot", took)
				}
				<-time.After(time.Second)
			}
		})
	}
}
