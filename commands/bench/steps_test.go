//go:build bench && linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multirunner/network/coordinator"
)

// tenOf are jobs of ten steps that do nothing, by what their steps are. The
// actions of the workspace are made by a step before.
var tenOf = []struct{ what, steps string }{
	{"ten steps", strings.Repeat("      - run: \"true\"\n", 10)},
	{"ten steps of one composite action", making(10) + "      - uses: ./made\n"},
	{"ten composite actions of one step", making(1) + strings.Repeat("      - uses: ./made\n", 10)},
}

// making is a step that makes a composite action of n steps.
func making(n int) string {
	return "      - run: |\n          mkdir made\n          cat > made/action.yml <<'END'\n          runs:\n            using: composite\n            steps:\n" +
		strings.Repeat("            - {run: \"true\", shell: bash}\n", n) + "          END\n"
}

// rounds is how often each job of ten steps is run, in turn with the others.
const rounds = 40

// stepsTable is what the runner adds to the processes of ten steps: the job from
// its first row to its last, less its processes, bare.
func stepsTable(t *testing.T, bin string) table {
	result := table{
		title: "Ten steps",
		note: "The time of a job beyond that of its steps' processes: from its first row to its last, less the time of the same processes started one after the " +
			"other by a program that does nothing else, in turn in the same run. The real binary against a server on loopback, in memory; " +
			fmt.Sprintf("the lowest and the median of %d. ", rounds) +
			"Steps run `true` in bash; those with composite actions have one more, which makes the action (mkdir, cat).",
		head: []string{"job", "processes alone", "the job", "added, lowest", "median", "aim"},
	}
	dir := inMemory(t)
	g := newGitea(t)
	g.configure(t, dir, 1, "check_interval = \"20ms\"\n[polling]\nrequests_per_second = 1000\nidle_requests_per_second = 1000\ninterval_max = \"20ms\"\n")
	r := start(t, bin, dir)
	eventually(t, 10*time.Second, "the runner has polled", func() bool { return g.Stats(coordinator.FetchTask).Requests > 0 })
	bare, jobs, added := make([]times, len(tenOf)), make([]times, len(tenOf)), make([]times, len(tenOf))
	for range rounds {
		for i, job := range tenOf {
			alone := bareSteps(t, strings.Contains(job.steps, "made"))
			id := g.submit(t, 0, []byte("on: push\njobs:\n  job:\n    runs-on: linux\n    steps:\n"+job.steps))
			g.await(t, time.Minute, id)
			took := g.span([]int64{id})
			bare[i], jobs[i], added[i] = append(bare[i], alone), append(jobs[i], took), append(added[i], took-alone)
		}
	}
	r.stop()
	for i, job := range tenOf {
		result.add(job.what, milliseconds(slices.Min(bare[i])), milliseconds(slices.Min(jobs[i])),
			milliseconds(slices.Min(jobs[i])-slices.Min(bare[i])), milliseconds(added[i].at(0.5)), "20 ms")
	}
	return result
}

// bareSteps runs the processes of ten steps, and those of the step that makes
// an action.
func bareSteps(t *testing.T, made bool) time.Duration {
	t.Helper()
	dir := t.TempDir()
	scripts := []string{"true"}
	if made {
		scripts = append(scripts, "mkdir made\ncat > made/action.yml <<'END'\nx\nEND\n")
	}
	var files []string
	for i, text := range scripts {
		files = append(files, filepath.Join(dir, fmt.Sprint(i, ".sh")))
		if err := os.WriteFile(files[i], []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for i := range 10 + len(files) - 1 {
		cmd := exec.Command("bash", "-e", files[max(0, i-9)])
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}
