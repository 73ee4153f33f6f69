//go:build bench && linux

package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"multirunner/commands/job"
	"multirunner/common"
	"multirunner/network/coordinator"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/proto"
)

const (
	manyJobs  = 40
	manySteps = 100
	manyLines = 200_000
)

// costsTable is what jobs cost, all processes together.
func costsTable(t *testing.T, bin string) table {
	result := table{
		title: "Jobs",
		note: "The real binary against a server on loopback, which is not counted; its state is in memory (/dev/shm) unless said otherwise. " +
			"CPU is user and system time of the runner, its job processes and their steps, less that of a runner without a job; the lowest of three runs. " +
			"A trivial job is one step that runs `true`, in bash; the ratio is to a bare `bash -c true` in the same run, which no runner can do without.",
		head: []string{"what", "measured", "ratio", "aim", "official, measured in 2026"},
	}
	bash := bareCost("bash")
	add := func(what string, d time.Duration, aim, official string) {
		result.add(what, milliseconds(d), fmt.Sprintf("%.1f", float64(d)/float64(bash)), aim, official)
	}
	add("CPU of a bare `sh -c true`", bareCost("sh"), "", "")
	add("CPU of a bare `bash -c true`", bash, "", "")

	wall, processor := startCost(t, bin)
	add("job process: start to job.json, median", wall.at(0.5), "20 ms", "")
	add("job process: CPU of a bare start", processor, "", "")

	memory := inMemory(t)
	none := jobsCost(t, bin, memory, nil)
	jobs := jobsCost(t, bin, memory, repeated(jobOf("true"), manyJobs))
	add("CPU of a trivial job with its process", (jobs.processor-none.processor)/manyJobs, "15 ms", "")
	add("time of a trivial job, one after the other", jobs.wall/manyJobs, "", "7.6 ms, without a process of its own")
	disk := jobsCost(t, bin, t.TempDir(), repeated(jobOf("true"), manyJobs))
	add("the same with the state on the disk: CPU", (disk.processor-none.processor)/manyJobs, "", "")
	add("the same with the state on the disk: time", disk.wall/manyJobs, "", "")

	one := jobsCost(t, bin, memory, repeated(jobOf("true"), 1))
	steps := jobsCost(t, bin, memory, [][]byte{jobOf(repeated("true", manySteps+1)...)})
	add("CPU of each further step", (steps.processor-one.processor)/manySteps, "2 ms", "")
	add("time of each further step", (steps.wall-one.wall)/manySteps, "", "2.4 to 3 ms")

	lines := linesCost(t, bin, memory)
	add("CPU of 200,000 log lines, 20 secrets", lines.processor-one.processor, "300 ms", "1400 to 2600 ms")
	result.add("their UpdateLog requests", lines.logs, "", "", "57 to 181")
	result.add("their largest process", megabytes(lines.resident), "", "bounded", "32 to 42 MB")

	ten := jobsCost(t, bin, memory, [][]byte{jobOf(repeated("sleep 0.003", 10)...)})
	result.add("requests of a job with 10 steps, 30 ms in all", ten.logs+ten.states, "", "", "9 to 29")
	return result
}

func repeated[T any](one T, n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = one
	}
	return list
}

// bareCost is the CPU of starting a shell that does nothing, with the fork.
func bareCost(shell string) time.Duration {
	const times = 100
	before := usage(syscall.RUSAGE_CHILDREN) + usage(syscall.RUSAGE_SELF)
	for range times {
		_ = exec.Command(shell, "-c", "true").Run()
	}
	return (usage(syscall.RUSAGE_CHILDREN) + usage(syscall.RUSAGE_SELF) - before) / times
}

// startCost starts job processes as a supervisor does, and tells how long each
// took until it had written job.json, which is when it can be adopted, and the
// CPU of one that finds no job directory.
func startCost(t *testing.T, bin string) (wall times, processor time.Duration) {
	const starts = 30
	for i := range starts {
		wall = append(wall, startJob(t, bin, i))
	}
	before := usage(syscall.RUSAGE_CHILDREN)
	for range starts {
		_ = exec.Command(bin, "job").Run() // fails: it is given no lock
	}
	return wall, (usage(syscall.RUSAGE_CHILDREN) - before) / starts
}

func startJob(t *testing.T, bin string, i int) time.Duration {
	t.Helper()
	dir := t.TempDir()
	task, err := proto.Marshal(&runnerv1.Task{Id: int64(i + 1), WorkflowPayload: []byte(idlePayload)})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	cmd := exec.Command(bin, "job")
	cmd.ExtraFiles = []*os.File{lock}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = job.WriteSpec(stdin, &common.JobSpec{
		V: common.JobSpecVersion, Task: task, URL: "http://gitea.invalid", Registration: "bench", Executor: "shell",
		TrackingID: fmt.Sprint("bench-", i), JobTimeout: common.Duration(time.Minute), SpoolMaxBytes: 1 << 20,
		Dirs: common.JobDirs{Job: dir, Build: filepath.Join(dir, "build"), Actions: filepath.Join(dir, "actions"), Tools: filepath.Join(dir, "tools")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for took = 0; took == 0; {
		if _, err := os.Lstat(filepath.Join(dir, "job.json")); err == nil {
			took = time.Since(began)
		}
		time.Sleep(100 * time.Microsecond)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("job process: %v", err)
	}
	return took
}

// cost is what a runner used for some jobs.
type cost struct {
	processor    time.Duration
	wall         time.Duration // from the first job's start to the last one's end
	resident     int64         // of the largest process
	logs, states int           // requests
}

// quickly lets one job follow the other without a pause.
const quickly = "[polling]\nrequests_per_second = 1000\n"

// jobsCost runs jobs one after the other, as fast as they go, three times, and
// gives the cheapest: what neighbours on the machine do only adds to it.
func jobsCost(t *testing.T, bin, dir string, workflows [][]byte, change ...func(*coordinator.Run)) cost {
	t.Helper()
	best := runJobs(t, bin, filepath.Join(dir, "1"), workflows, change)
	for i := 2; i <= 3; i++ {
		c := runJobs(t, bin, filepath.Join(dir, fmt.Sprint(i)), workflows, change)
		best.processor, best.wall = min(best.processor, c.processor), min(best.wall, c.wall)
		best.resident = max(best.resident, c.resident)
	}
	return best
}

func runJobs(t *testing.T, bin, dir string, workflows [][]byte, change []func(*coordinator.Run)) (c cost) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	g := newGitea(t)
	defer g.close()
	g.configure(t, dir, 1, quickly)
	var runs []int64
	for _, workflow := range workflows {
		runs = append(runs, g.submit(t, 0, workflow, change...))
	}
	r := start(t, bin, dir)
	eventually(t, 10*time.Second, "the runner has polled", func() bool { return g.Stats(coordinator.FetchTask).Requests > 0 })
	done := make(chan struct{})
	peak := r.watchMemory(done)
	g.await(t, time.Minute, runs...)
	close(done)
	c.wall = g.span(runs)
	c.resident = <-peak
	c.processor = processor(r.stop())
	c.logs, c.states = g.Stats(coordinator.UpdateLog).Requests, g.Stats(coordinator.UpdateTask).Requests
	return c
}

// span is the time from the first row of some runs to the last one.
func (g *gitea) span(runs []int64) time.Duration {
	var first, last time.Time
	for _, id := range runs {
		info, _ := g.Run(id)
		log := g.Log(info.Jobs[0].TaskID)
		if began := log[0].Time; first.IsZero() || began.Before(first) {
			first = began
		}
		if ended := log[len(log)-1].Time; ended.After(last) {
			last = ended
		}
	}
	return last.Sub(first)
}

// inMemory gives a directory that no disk is behind, where there is one.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "runner-bench-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// linesCost runs a step that writes many lines, some of them with a secret.
func linesCost(t *testing.T, bin, dir string) cost {
	path := filepath.Join(t.TempDir(), "lines")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	secrets := map[string]string{}
	for i := range 20 {
		secrets[fmt.Sprint("SECRET_", i)] = fmt.Sprintf("number-%d-of-the-benchmark", i)
	}
	for i := range manyLines {
		switch {
		case i%100 == 0:
			fmt.Fprintf(w, "line %d with the secret number-7-of-the-benchmark in it\n", i)
		default:
			fmt.Fprintf(w, "line %d: compiled module example.org/thing/number/%d in %d ms\n", i, i%977, i%31)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	return jobsCost(t, bin, dir, [][]byte{jobOf("cat " + path)}, func(r *coordinator.Run) { r.Secrets = secrets })
}
