//go:build real

package faults

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

func TestUpgradesUnderLoad(t *testing.T) { upgradesUnderLoad(t, 5) }

// upgradesUnderLoad upgrades a runner so many times, one after the other, while
// it has eight jobs and more are waiting. Signals of all kinds come meanwhile.
func upgradesUnderLoad(t *testing.T, times int) {
	const slots = 8
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, slots, registration(g, "a", ""), registration(g, "b", ""))
	u := startUpgradable(t, dir)
	u.reachable()
	u.putNext()
	script := fmt.Sprintf("for i in $(seq 1 %d); do echo row $i; sleep 0.0$((RANDOM %% 10)); done", rowsInAll)

	stop := make(chan struct{})
	var working sync.WaitGroup
	var mu sync.Mutex
	var tasks []int64
	for range slots + 2 { // two wait for a slot
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				task := g.task(t, g.submit(t, workflow(script)), 3*time.Minute)
				mu.Lock()
				tasks = append(tasks, task)
				mu.Unlock()
				if status := g.result(t, task, 3*time.Minute); status != coordinator.StatusSuccess {
					return // whole tells below
				}
			}
		})
	}
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				u.signal(syscall.SIGHUP)
				u.signal(syscall.SIGUSR2) // one that is under way is meant, or the next one
			}
		}
	})
	u.upgraded(times)
	close(stop)
	working.Wait()
	if jobs := len(tasks); jobs < slots {
		t.Fatalf("%d jobs", jobs)
	}
	for _, task := range tasks {
		g.whole(t, task, time.Minute)
	}
	t.Logf("%d upgrades, %d jobs, process %d", u.goesOn(), len(tasks), u.cmd.Process.Pid)
	u.ends()
}

func TestACancelledJobIsCleanedUpAcrossAnUpgrade(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := t.TempDir()
	writeConfig(t, dir, 2, registration(g, "a", ""))
	u := startUpgradable(t, dir)
	u.reachable()
	u.putNext()
	ended := filepath.Join(dir, "go-on")
	task := g.task(t, g.submit(t, `on: push
jobs:
  build:
    runs-on: linux
    steps:
      - run: |
          trap 'echo stopping; until [ -e `+ended+` ]; do sleep 0.05; done; exit 1' INT
          echo started
          while :; do sleep 0.05; done
      - if: always()
        run: echo always done
      - run: echo never
`))
	g.logged(t, task, "started\n", 20*time.Second)
	if err := g.Cancel(task); err != nil {
		t.Fatal(err)
	}
	g.logged(t, task, "stopping\n", 20*time.Second)
	u.mustUpgrade(nextVersion)
	touch(t, ended)
	if status := g.result(t, task, 30*time.Second); status != coordinator.StatusCancelled {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	if strings.Count(text, "always done\n") < 1 || strings.Contains(text, "\nnever\n") {
		t.Errorf("log:\n%s", text)
	}
	u.ends()
}
