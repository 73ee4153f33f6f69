package launch

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multirunner/commands/internal/recorded"
	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
)

// Each directory was recorded by the program that wrote its version: see
// testdata/README.md.
func TestWhatAnEarlierVersionLeftIsReported(t *testing.T) {
	recordings, err := filepath.Glob(filepath.Join("testdata", "state-v*"))
	if err != nil || len(recordings) == 0 {
		t.Fatalf("recordings: %v, %v", recordings, err)
	}
	for _, from := range recordings {
		for name, inConfig := range map[string]bool{"in the configuration": true, "gone from it": false} {
			t.Run(filepath.Base(from)+", registration "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { replay(t, from, inConfig) })
			})
		}
	}
}

// replay has the server know what it knew, and a new runner start over what
// the old one left.
func replay(t *testing.T, from string, inConfig bool) {
	h := &house{t: t, root: t.TempDir()}
	manifest, err := recorded.Unpack(from, h.root)
	if err != nil {
		t.Fatal(err)
	}
	h.server = coordinator.New(coordinator.Options{URL: manifest.Server})
	defer h.server.Close()
	tell(t, h.server, manifest)

	var runners []*common.RunnerConfig
	first := manifest.Registrations[0]
	if inConfig {
		runner := common.DefaultRunner()
		runner.Name, runner.URL, runner.UUID, runner.Token = first.Name, manifest.Server, first.UUID, common.NewSecret(first.Token)
		runners = append(runners, runner)
	}
	l, leave := h.open()
	defer leave()
	for what, marked := range map[string]func() ([]common.RegistrationID, error){"paused": l.o.State.Paused, "once": l.o.State.Spent} {
		ids, err := marked()
		if err != nil || len(ids) != 1 || nameOf(manifest, ids[0].UUID) != what {
			t.Errorf("marked as %s: %v, %v", what, ids, err)
		}
	}
	h.recover(l, runners...)
	time.Sleep(time.Minute) // of the bubble's
	synctest.Wait()
	for _, task := range manifest.Tasks {
		check(t, h, task)
		if !l.Seen(manifest.Server, task.ID) {
			t.Errorf("task %d (%s) could start again", task.ID, task.State)
		}
	}
	for _, folder := range []string{"jobs", "builds"} {
		if left := h.left(folder); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func nameOf(manifest recorded.Manifest, uuid string) string {
	for _, r := range manifest.Registrations {
		if r.UUID == uuid {
			return r.Name
		}
	}
	return ""
}

// tell makes a server that has had the manifest's tasks.
func tell(t *testing.T, server *coordinator.Server, manifest recorded.Manifest) {
	t.Helper()
	for _, r := range manifest.Registrations {
		server.AddRunner(coordinator.RunnerSpec{Name: r.Name, Labels: []string{r.Name}, UUID: r.UUID, Token: r.Token})
	}
	pool := network.NewPool(network.PoolOptions{Transport: server.Transport()})
	defer pool.Close()
	endpoint, err := pool.Endpoint(manifest.Server, network.TLSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range manifest.Tasks {
		at := slices.IndexFunc(manifest.Registrations, func(r recorded.Registration) bool { return r.Name == task.Runner })
		client := endpoint.Client(manifest.Registrations[at].UUID, common.NewSecret(manifest.Registrations[at].Token))
		server.Enqueue(coordinator.RawJob{
			Labels: []string{task.Runner}, Payload: []byte("on: push\njobs:\n  a:\n    runs-on: linux\n    steps: [{run: echo}, {run: echo}]\n"),
		})
		answer, err := client.FetchTask(t.Context(), network.FetchRequest{Hold: time.Second, Patience: time.Minute})
		if err != nil || len(answer.Tasks) != 1 || answer.Tasks[0].GetId() != task.ID {
			t.Fatalf("task %d: %v, %v", task.ID, answer, err)
		}
		req := &runnerv1.UpdateLogRequest{TaskId: task.ID}
		for i := range task.Delivered {
			req.Rows = append(req.Rows, &runnerv1.LogRow{Time: timestamppb.Now(), Content: fmt.Sprint("delivered ", i)})
		}
		if _, err := client.UpdateLog(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if task.State != "ended" {
			continue
		}
		state := &runnerv1.TaskState{Id: task.ID, Result: runnerv1.Result_RESULT_SUCCESS, StoppedAt: timestamppb.Now()}
		if _, err := client.UpdateTask(t.Context(), &runnerv1.UpdateTaskRequest{State: state, Outputs: map[string]string{"word": task.Word}}); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, h *house, task recorded.Task) {
	t.Helper()
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("task %d, %s: "+format, append([]any{task.ID, task.State}, args...)...)
	}
	info, ok := h.server.Task(task.ID)
	if want := map[string]coordinator.Status{"success": coordinator.StatusSuccess, "failure": coordinator.StatusFailure}[task.Result]; !ok || info.Status != want {
		complain("status %v, want %v", info.Status, want)
	}
	if info.Outputs["word"] != task.Word {
		complain("output %q, want %q", info.Outputs["word"], task.Word)
	}
	var rows []string
	for _, line := range h.server.Log(task.ID) {
		rows = append(rows, line.Content)
	}
	for i := range task.Delivered {
		if want := fmt.Sprint("delivered ", i); rows[i] != want {
			t.Fatalf("row %d is %q, want %q", i, rows[i], want)
		}
	}
	for _, row := range task.Rows {
		if n := count(rows, row); n != 1 {
			complain("row %q is there %d times", row, n)
		}
	}
	if task.State == "ended" {
		return
	}
	if closed := count(rows, "##[error]The runner and this job's process ended while the job ran. The job is closed as failed by the next start of the runner."); closed == 1 != (task.Result == "failure") {
		complain("%d rows say that the job was closed", closed)
	}
	if !info.Archived {
		complain("the log is not closed")
	}
	for _, step := range info.Steps {
		if !step.Status.Done() {
			complain("step %q is %v", step.Name, step.Status)
		}
	}
	if t.Failed() {
		t.Logf("%q", rows[max(0, len(rows)-60):])
	}
}

func count(rows []string, row string) int {
	n := 0
	for _, r := range rows {
		if r == row {
			n++
		}
	}
	return n
}
