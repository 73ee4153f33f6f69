//go:build real

package faults

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/internal/realrun"
	"multirunner/helpers/flock"
	"multirunner/network/coordinator"
)

func TestAnUpgradeLeavesTheProcessAndItsJobs(t *testing.T) {
	g := newGitea(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn)+"\necho '# well' >> \"$GITHUB_STEP_SUMMARY\"")))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	pids := jobProcesses(dir)
	u.putNext()
	if out := u.mustUpgrade(nextVersion); !strings.Contains(out, "re-executed, version dev -> "+nextVersion) {
		t.Errorf("upgrade:\n%s", out)
	}
	if now := jobProcesses(dir); len(pids) != 1 || len(now) != 1 || now[0] != pids[0] || statOf(now[0]).parent != u.cmd.Process.Pid {
		t.Errorf("job processes %v, then %v", pids, now)
	}
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	if info, _ := g.Task(task); string(info.Summaries[0]) != "# well\n" {
		t.Errorf("summary: %q", info.Summaries[0])
	}
	// A job from its start to its end under the next program, and back.
	g.whole(t, g.task(t, g.submit(t, workflow(rows(goOn)))), 30*time.Second)
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	u.put(t, data, 0o755)
	u.mustUpgrade("dev")
	g.whole(t, g.task(t, g.submit(t, workflow(rows(goOn)))), 30*time.Second)
	u.ends()
}

func TestAnUpgradeWaitsForAPollAndWhatItBringsIsRun(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	u.reachable()
	remove := g.Fault(coordinator.FetchTask, coordinator.Fault{Hold: 20 * time.Second})
	defer remove()
	held := g.Stats(coordinator.FetchTask).Requests
	eventually(t, 10*time.Second, "a poll is held", func() bool { return g.Stats(coordinator.FetchTask).Requests > held })
	<-time.After(300 * time.Millisecond) // polls that were not held are over
	u.putNext()
	type answer struct {
		out  string
		code int
	}
	done := make(chan answer, 1)
	go func() {
		out, code := u.upgrade()
		done <- answer{out, code}
	}()
	u.says(10*time.Second, "Upgrading to version "+regexp.QuoteMeta(nextVersion))
	<-time.After(500 * time.Millisecond)
	if u.goesOn() != 0 {
		t.Error("it has not waited for the poll")
	}
	polls := g.Stats(coordinator.FetchTask).Requests
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn)))) // what the poll brings
	if n := g.Stats(coordinator.FetchTask).Requests; n != polls {
		t.Errorf("%d polls began while it waited", n-polls)
	}
	if a := <-done; a.code != 0 || !strings.Contains(a.out, "waiting for 1 poll under way") {
		t.Errorf("upgrade: exit code %d\n%s", a.code, a.out)
	}
	remove()
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	u.ends()
}

func TestAnUpgradeIsRefusedBeforeAnythingStops(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""), registration(g, "b", ""))
	u := startUpgradable(t, dir)
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn))))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	config := configText(t, dir)
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// No program of another machine, but one that no machine starts.
	alien := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 200)...)
	foreign := filepath.Join(dir, "state", "jobs", "0123456789ab-9")
	for _, test := range []struct {
		name string
		make func()
		want string
	}{
		{"a script", func() { u.putScript("echo hello") }, "is no runner"},
		{"a program that fails", func() { u.putScript("echo oops >&2; exit 3") }, "does not work.*exit status 3 .oops."},
		{"an older program", func() { u.putScript(`exec "$REAL" no-such-verb`) }, "does not work.*no command"},
		{"of another machine", func() { u.put(t, alien, 0o755) }, "cannot be started.*made for this machine"},
		{"not executable", func() { u.put(t, []byte("#!/bin/sh\n"), 0o644) }, "cannot be started.*chmod 755"},
		{"nothing", func() { os.Remove(u.program) }, "cannot be started.*no such file"},
		{"an older format", func() { u.putScript(`"$REAL" "$@" | sed 's/"spool": 1/"spool": 0/'`) }, "does not know the format spool"},
		{"a newer format", func() { u.putScript(`"$REAL" "$@" | sed 's/"claim": 1/"claim": 3/'`) }, "format claim from version 2 on"},
		{"flags it does not know", func() { u.putScript(`exec "$REAL" "$@" --gone`) }, "has no flag --gone"},
		{"a broken configuration", func() { u.putNext(); write("concurrent = [\n" + config) }, "cannot use the configuration"},
		{"a state directory of another version", func() {
			u.putNext()
			os.Mkdir(foreign, 0o700)
			os.WriteFile(filepath.Join(foreign, "claim.json"), []byte(`{"v":9}`), 0o600)
		}, "cannot read the state.*format version 9"},
		{"a registration left out", func() {
			u.putScript(`"$REAL" "$@" | sed 's|"config":|"left_out": [{"name":"b","problem":"odd","registration":{"URL":"` + g.URL() + `","UUID":"` + g.Runners()[1].UUID + `"}}], "config":|'`)
		}, `leave out the registration "b": odd`},
	} {
		test.make()
		out, code := u.upgrade()
		if code != 1 || !regexp.MustCompile(test.want).MatchString(out) || !strings.Contains(out, "the runner goes on") {
			t.Errorf("%s: exit code %d, want %q in\n%s", test.name, code, test.want, out)
		}
		write(config)
		os.RemoveAll(foreign)
	}
	u.signal(syscall.SIGUSR2)
	u.says(10*time.Second, `Not upgraded: the runner goes on as before.*attempt=13 .*odd`)
	if u.goesOn() != 0 {
		t.Error("it was upgraded")
	}
	g.works(t)
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	u.putNext()
	u.mustUpgrade(nextVersion)
	u.ends()
}

// The program on disk passes its check, and then cannot be executed.
func TestARunnerWhoseUpgradeFailsAtTheLastMomentGoesOn(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	realrun.WriteConfig(t, dir, 2, `listen_address = "127.0.0.1:0"`, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	at := u.metricsAddress()
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn))))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	shell := filepath.Join(dir, "bin", "sh")
	for range 2 {
		os.Symlink("/bin/sh", shell)
		u.put(t, []byte("#!"+shell+"\n'"+binary+"' \"$@\"\nrm -f "+shell+"\n"), 0o755)
		if out, code := u.upgrade(); code != 1 || !strings.Contains(out, "no such file") || !strings.Contains(out, "the runner goes on") {
			t.Errorf("exit code %d\n%s", code, out)
		}
		g.works(t)
	}
	if u.goesOn() != 0 || u.scrape(at) != nil {
		t.Errorf("%d upgrades, scrape: %v", u.goesOn(), u.scrape(at))
	}
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	u.putNext()
	u.mustUpgrade(nextVersion)
	g.works(t)
	u.ends()
}

// metricsAddress is where the runner serves metrics.
func (u *upgradable) metricsAddress() string {
	u.t.Helper()
	re := regexp.MustCompile(`Serving metrics and status" address="?([0-9.:]+)`)
	u.says(20*time.Second, re.String())
	return re.FindStringSubmatch(u.output.String())[1]
}

// scrape asks for metrics over a connection of its own.
func (u *upgradable) scrape(at string) error {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get("http://" + at + "/metrics")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || !strings.Contains(string(body), "gitea_runner_info")) {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return err
}

func TestMetricsAnswerAndTheDirectoryIsLockedThroughoutAnUpgrade(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	realrun.WriteConfig(t, dir, 2, `listen_address = "127.0.0.1:0"`, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	at := u.metricsAddress()
	u.reachable()
	stop := make(chan struct{})
	var watching sync.WaitGroup
	var scrapes, looks atomic.Int64
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if err := u.scrape(at); err != nil {
				t.Errorf("scrape %d: %v", scrapes.Load(), err)
				return
			}
			scrapes.Add(1)
		}
	})
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
			lock, err := flock.TryLock(filepath.Join(dir, "state", "lock"))
			if !errors.Is(err, flock.ErrLocked) {
				t.Errorf("look %d at the lock: %v", looks.Load(), err)
				if lock != nil {
					lock.Unlock()
				}
				return
			}
			looks.Add(1)
		}
	})
	u.putNext()
	for range 3 {
		u.mustUpgrade(nextVersion)
	}
	u.signal(syscall.SIGUSR2)
	u.upgraded(4)
	u.reachable()
	close(stop)
	watching.Wait()
	if scrapes.Load() < 50 || looks.Load() < 50 {
		t.Errorf("%d scrapes, %d looks", scrapes.Load(), looks.Load())
	}
	second := realrun.Run(t, binary, dir)
	if code := second.WaitExit(20 * time.Second); code != 1 || !strings.Contains(second.Output.String(), fmt.Sprintf("in use by process %d", u.cmd.Process.Pid)) {
		t.Errorf("a second runner: exit code %d\n%s", code, second.Output)
	}
	u.ends()
}

func TestAnUpgradeIsRefusedWhileTheRunnerStops(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn))))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	u.must("drain", "--no-wait")
	u.putNext()
	if out, code := u.upgrade(); code != 1 || !strings.Contains(out, "the runner is stopping") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	u.signal(syscall.SIGUSR2)
	<-time.After(500 * time.Millisecond)
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	if code := u.waitExit(30 * time.Second); code != 0 || u.goesOn() != 0 {
		t.Errorf("exit code %d, %d upgrades", code, u.goesOn())
	}
	if out, code := u.upgrade(); code != 1 || !strings.Contains(out, "no runner is running") {
		t.Errorf("afterwards: exit code %d\n%s", code, out)
	}
}

func TestAnUpgradedRunnerObeysAsBefore(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	task := g.task(t, g.submit(t, workflow("echo started; sleep 60")))
	g.logged(t, task, "started\n", 20*time.Second)
	u.must("pause")
	u.putNext()
	u.mustUpgrade(nextVersion)
	if out := u.must("list"); !strings.Contains(out, "paused") {
		t.Errorf("list:\n%s", out)
	}
	u.must("resume")
	writeConfig(t, dir, 3, registration(g, "b", ""))
	u.signal(syscall.SIGHUP)
	u.says(10*time.Second, "1 registrations added, 0 changed, 1 removed.*SIGHUP")
	u.must("cancel", fmt.Sprint(task))
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusCancelled {
		t.Errorf("status %v", status)
	}
	goOn := filepath.Join(dir, "go-on")
	task = g.task(t, g.submit(t, workflow(rows(goOn))))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	u.signal(syscall.SIGINT) // Ctrl-C
	u.says(10*time.Second, "draining with a timeout")
	touch(t, goOn)
	g.whole(t, task, 30*time.Second)
	if code := u.waitExit(40 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// What is uploaded last needs the job's runtime token, which only memory has.
func TestWhatAnEndedJobHasNotUploadedYetIsUploadedAfterAnUpgrade(t *testing.T) {
	g := newGitea(t, coordinator.Options{Capabilities: []string{"job-summary"}})
	dir := t.TempDir()
	writeConfig(t, dir, 1, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	goOn := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, workflow(rows(goOn)+"\necho '# well' >> \"$GITHUB_STEP_SUMMARY\"")))
	g.logged(t, task, fmt.Sprintf("row %d\n", rowsInAll/2), 20*time.Second)
	remove := g.Fault(coordinator.AnyRPC, coordinator.Fault{Reset: true})
	touch(t, goOn)
	u.says(20*time.Second, "Job process ended")
	u.putNext()
	u.mustUpgrade(nextVersion)
	remove()
	g.whole(t, task, 60*time.Second)
	if info, _ := g.Task(task); string(info.Summaries[0]) != "# well\n" {
		t.Errorf("summary: %q", info.Summaries[0])
	}
	u.ends()
}
