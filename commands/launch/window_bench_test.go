package launch

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"

	"multirunner/commands/state"
	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// answered notes when the last answer began to arrive.
type answered struct {
	http.RoundTripper
	at time.Time
}

func (a *answered) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(req)
	a.at = time.Now()
	return resp, err
}

// BenchmarkWindow is the time from the first byte of a FetchTask answer until
// the task's claim is synced: whoever dies in it loses a task of a Gitea
// server. On a disk, and in memory, where syncs cost nothing.
func BenchmarkWindow(b *testing.B) {
	b.Run("disk", func(b *testing.B) { window(b, b.TempDir()) })
	b.Run("memory", func(b *testing.B) {
		dir, err := os.MkdirTemp("/dev/shm", "window")
		if err != nil {
			b.Skip(err)
		}
		defer os.RemoveAll(dir)
		window(b, dir)
	})
	// What the disk itself takes: a small file, written and synced.
	b.Run("one synced write", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "file")
		var times []time.Duration
		for b.Loop() {
			start := time.Now()
			file, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			_, err = file.WriteString(path)
			err = errors.Join(err, file.Sync(), file.Close())
			times = append(times, time.Since(start))
			if err = errors.Join(err, os.Remove(path)); err != nil {
				b.Fatal(err)
			}
		}
		quantiles(b, times)
	})
}

func window(b *testing.B, root string) {
	server := coordinator.New(coordinator.Options{})
	defer server.Close()
	row := server.AddRunner(coordinator.RunnerSpec{Name: "a", Labels: []string{"linux"}})
	transport := &answered{RoundTripper: server.Transport()}
	pool := network.NewPool(network.PoolOptions{Transport: transport})
	defer pool.Close()
	endpoint, err := pool.Endpoint(server.URL(), network.TLSOptions{})
	if err != nil {
		b.Fatal(err)
	}
	client := endpoint.Client(row.UUID, common.NewSecret(row.Token))
	dir, err := state.Open(root)
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	l := New(Options{State: dir, Pool: pool, Reporting: func() common.ReportingConfig { return common.DefaultConfig().Reporting }})
	defer l.Close()
	var times []time.Duration
	for b.Loop() {
		if err := dir.Prepare(); err != nil { // as before every poll
			b.Fatal(err)
		}
		task := next(b, server, client)
		if l.Seen(server.URL(), task.GetId()) {
			b.Fatal("seen")
		}
		claim, err := dir.Claim(server.URL(), row.UUID, task.GetId(), time.Now())
		times = append(times, time.Since(transport.at))
		if err != nil {
			b.Fatal(err)
		}
		if err := dir.Finish(claim); err != nil {
			b.Fatal(err)
		}
	}
	quantiles(b, times)
}

func quantiles(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	for name, q := range map[string]float64{"p50-µs": 0.5, "p99-µs": 0.99} {
		b.ReportMetric(float64(times[int(q*float64(len(times)-1))].Nanoseconds())/1000, name)
	}
	b.ReportMetric(0, "ns/op") // of the server and the removal too
}

// next gives a task that the server has just handed out.
func next(b *testing.B, server *coordinator.Server, client *network.Client) *runnerv1.Task {
	server.Enqueue(coordinator.RawJob{
		Labels: []string{"linux"}, Payload: []byte("on: push\njobs:\n  a:\n    runs-on: linux\n    steps: [{run: echo}, {run: echo}]\n"),
	})
	answer, err := client.FetchTask(b.Context(), network.FetchRequest{Hold: time.Second, Patience: time.Minute})
	if err != nil || len(answer.Tasks) != 1 {
		b.Fatalf("FetchTask: %v, %v", answer, err)
	}
	return answer.Tasks[0]
}
