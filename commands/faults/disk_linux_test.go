//go:build real

package faults

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multirunner/commands/internal/realrun"
	"multirunner/network/coordinator"
)

// smallDisk mounts a file system of 80 MB, of which a runner wants 64 free.
func smallDisk(t *testing.T, at string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not checked: only root may mount the small disk that this needs")
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("not checked: no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
}

// fill takes all the room that is left on a small disk; empty gives it back.
func fill(t *testing.T, at string) (empty func()) {
	t.Helper()
	path := filepath.Join(at, "ballast")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		if n, err := file.Write(block); err != nil {
			block = block[:min(n, len(block)/2)] // down to the last byte
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// The job fills the disk that its own log and the runner's state are on.
func TestAJobThatFillsTheDiskEndsAndItsLogArrives(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := shortTemp(t)
	smallDisk(t, filepath.Join(dir, "state"))
	writeConfig(t, dir, 1, registration(g, "a", ""))
	r := start(t, dir)
	t.Cleanup(func() { r.stop() })
	task := g.task(t, g.submit(t, workflow("echo before\ndd if=/dev/zero of=$HOME/big bs=64k 2>/dev/null || echo full\nfor i in $(seq 1 2000); do echo row $i; done; echo after")))
	if status := g.result(t, task, 60*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("status %v", status)
	}
	text := g.text(task)
	for _, row := range []string{"before", "full", "row 2000", "after"} {
		if !strings.Contains(text, "\n"+row+"\n") {
			t.Errorf("no row %q", row)
		}
	}
	if t.Failed() {
		t.Log(text[:min(len(text), 3000)])
	}
	r.clean()
	r.signal(syscall.SIGTERM)
	r.waitExit(20 * time.Second)
}

// A disk that something else fills: no job is asked for, which is told, and the
// one that runs goes on in memory.
func TestAFullDiskKeepsJobsAwayUntilThereIsRoom(t *testing.T) {
	g := newGitea(t, coordinator.Options{})
	dir := shortTemp(t)
	state, signal := filepath.Join(dir, "state"), filepath.Join(dir, "go-on")
	smallDisk(t, state)
	realrun.WriteConfig(t, dir, 2, `listen_address = "127.0.0.1:0"`, registration(g, "a", ""))
	r := start(t, dir)
	t.Cleanup(func() { r.stop() })
	running := g.task(t, g.submit(t, workflow("echo started\nuntil [ -e "+signal+" ]; do sleep 0.1; done\nfor i in $(seq 1 2000); do echo row $i; done")))
	g.logged(t, running, "started\n", 20*time.Second)
	at := served(t, r)
	ready := func() (status int, text string) { return get(t, at+"/readyz") }
	if status, text := ready(); status != 200 {
		t.Fatalf("before: %d %s", status, text)
	}

	empty := fill(t, state)
	eventually(t, 40*time.Second, "no job is asked for", func() bool {
		return strings.Contains(r.output.String(), "Registrations are not polled until the executor has room again")
	})
	polls := g.Stats(coordinator.FetchTask).Requests
	waiting := g.submit(t, workflow("echo late"))
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, "it is not ready, and says why", func() bool {
		status, text := ready()
		return status == 503 && strings.Contains(text, "0 MiB are free in "+state) && strings.Contains(text, "no space left on device")
	})
	_, metrics := get(t, at+"/metrics")
	for _, line := range []string{"gitea_runner_state_directory_usable 0", "gitea_runner_state_disk_free_bytes 0"} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %q in the metrics", line)
		}
	}
	if strings.Contains(metrics, `worker_processing_failures_total{reason="no_room"} 0`) {
		t.Error("the metrics count nothing that had no room")
	}
	if asked := g.Stats(coordinator.FetchTask).Requests - polls; asked > 0 {
		t.Errorf("%d polls without room", asked)
	}
	if info, _ := g.Task(running); info.Status != coordinator.StatusRunning {
		t.Errorf("the job that runs is %v on the server: its end is on no disk", info.Status)
	}

	empty()
	if status := g.result(t, running, 40*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the job that ran: %v", status)
	}
	text := g.text(running)
	for i := range 2000 {
		if row := fmt.Sprintf("\nrow %d\n", i+1); strings.Count(text, row) != 1 {
			t.Fatalf("%q is there %d times", row, strings.Count(text, row))
		}
	}
	if status := g.result(t, g.task(t, waiting, 40*time.Second), 40*time.Second); status != coordinator.StatusSuccess {
		t.Errorf("the job that waited: %v", status)
	}
	eventually(t, 40*time.Second, "it is ready again", func() bool {
		status, _ := ready()
		return status == 200
	})
	eventually(t, 40*time.Second, "the metrics say so", func() bool {
		_, metrics := get(t, at+"/metrics")
		return strings.Contains(metrics, "gitea_runner_state_directory_usable 1\n")
	})
	r.clean()
}

var servedAt = regexp.MustCompile(`msg="Serving metrics and status" address="([^"]+)"`)

// served is where a runner serves its metrics.
func served(t *testing.T, r *runner) string {
	t.Helper()
	var found []string
	eventually(t, 20*time.Second, "metrics are served", func() bool {
		found = servedAt.FindStringSubmatch(r.output.String())
		return found != nil
	})
	return "http://" + found[1]
}

func get(t *testing.T, url string) (status int, text string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
