//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// loopback measures the real binary in real time, with each number of
// registrations at once.
func loopback(t *testing.T, bin string, numbers ...int) []idleSample {
	samples := make([]idleSample, len(numbers))
	var all sync.WaitGroup
	for i, n := range numbers {
		g, dir := newGitea(t), t.TempDir()
		g.configure(t, dir, n, "concurrent = 2")
		r := start(t, bin, dir)
		all.Go(func() { samples[i] = watchIdle(g, r, n) })
	}
	all.Wait()
	for i, s := range samples {
		if len(s.waits) < loopbackJobs {
			t.Errorf("%d registrations: %d of %d jobs were picked up", numbers[i], len(s.waits), loopbackJobs)
		}
	}
	return samples
}

const loopbackJobs = 12

func watchIdle(g *gitea, r *runner, n int) idleSample {
	s := idleSample{registrations: n, idle: 15 * time.Second}
	time.Sleep(8 * time.Second) // all have declared and had their first turn
	before, used := g.Stats(coordinator.AnyRPC).Requests, threadsTime(r.cmd.Process.Pid)
	time.Sleep(s.idle)
	s.requests = g.Stats(coordinator.AnyRPC).Requests - before
	s.cpu = percent(threadsTime(r.cmd.Process.Pid)-used, s.idle)

	events := g.Events()
	random := rand.New(rand.NewPCG(2, uint64(n)))
	for range loopbackJobs {
		time.Sleep(time.Duration(random.Float64() * float64(4*time.Second)))
		g.Enqueue(coordinator.RawJob{Repo: repo(random.IntN(n)), Labels: []string{"linux"}, Payload: []byte(idlePayload)})
	}
	time.Sleep(8 * time.Second)
	r.stop()
	events.Close()
	s.waits = waits(events)
	return s
}

// threadsTime is the processor time that the threads of a process have used,
// to the nanosecond.
func threadsTime(pid int) (sum time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		text, _, _ := strings.Cut(string(data), " ")
		used, _ := strconv.ParseInt(text, 10, 64)
		sum += time.Duration(used)
	}
	return sum
}

const idlePayload = "name: w\non: push\njobs:\n  job:\n    runs-on: linux\n    steps: [{run: \"true\"}]\n"

// waits tells how long each job waited for a runner.
func waits(events *coordinator.Subscription) times {
	planned := map[int64]time.Time{}
	var list times
	for {
		e, ok := events.Next(context.Background())
		switch {
		case !ok:
			return list
		case e.Kind == coordinator.JobPlanned:
			planned[e.Job.ID] = e.At
		case e.Kind == coordinator.JobPicked:
			list = append(list, e.At.Sub(planned[e.Job.ID]))
		}
	}
}
