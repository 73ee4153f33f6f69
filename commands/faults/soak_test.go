//go:build real && soak

package faults

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// TestSoakManyJobsOverManyRegistrations runs 400 jobs of 20 registrations on
// two servers through 4 slots, while the servers fail now and then.
func TestSoakManyJobsOverManyRegistrations(t *testing.T) {
	const registrations, jobs = 20, 400
	servers := []*gitea{newGitea(t, coordinator.Options{}), newGitea(t, coordinator.Options{})}
	dir := t.TempDir()
	var blocks []string
	for i := range registrations {
		blocks = append(blocks, registration(servers[i%len(servers)], fmt.Sprintf("r%d", i), ""))
	}
	writeConfig(t, dir, 4, blocks...)
	r := start(t, dir)
	type submitted struct {
		server *gitea
		run    int64
	}
	var runs []submitted
	for i := range jobs {
		g := servers[i%len(servers)]
		runs = append(runs, submitted{g, g.submit(t, workflow("for i in $(seq 1 50); do echo line $i; done"))})
		if i%20 == 0 {
			g.Fault(coordinator.UpdateLog, coordinator.Fault{Count: 1, DropAfter: true})
			g.Fault(coordinator.UpdateTask, coordinator.Fault{Count: 1, Status: 502})
		}
	}
	for _, s := range runs {
		eventually(t, 20*time.Minute, fmt.Sprintf("run %d has ended", s.run), func() bool {
			info, _ := s.server.Run(s.run)
			return info.Status.Done()
		})
		info, _ := s.server.Run(s.run)
		text := s.server.text(info.Jobs[0].TaskID)
		if info.Status != coordinator.StatusSuccess || strings.Count(text, "\nline ") != 50 {
			t.Errorf("run %d: %v, log:\n%s", s.run, info.Status, text)
		}
	}
	r.clean()
	r.signal(syscall.SIGTERM)
	if code := r.waitExit(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The long count of TestRandomKills.
func TestSoakRandomKills(t *testing.T) { randomKills(t, 200) }

// The long count of TestUpgradesUnderLoad.
func TestSoakUpgradesUnderLoad(t *testing.T) { upgradesUnderLoad(t, 50) }
