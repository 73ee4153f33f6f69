package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/sirupsen/logrus"

	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/common"
	"multirunner/network"
	"multirunner/network/coordinator"
	"multirunner/network/sender"
)

// house is a server, a state directory and a registration.
type house struct {
	t      *testing.T
	server *coordinator.Server
	root   string
	runner *common.RunnerConfig
	claims []*build // whose locks end with the process
}

func newHouse(t *testing.T) *house {
	server := coordinator.New(coordinator.Options{})
	row := server.AddRunner(coordinator.RunnerSpec{Name: "a", Labels: []string{"linux"}})
	runner := common.DefaultRunner()
	runner.Name, runner.URL, runner.UUID, runner.Token = "a", server.URL(), row.UUID, common.NewSecret(row.Token)
	return &house{t: t, server: server, root: t.TempDir(), runner: runner}
}

// open gives a launcher; leave ends it as the end of its process does.
func (h *house) open() (l *Launcher, leave func()) {
	h.t.Helper()
	dir, err := state.Open(h.root)
	if err != nil {
		h.t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	pool := network.NewPool(network.PoolOptions{Transport: h.server.Transport()})
	reports := sender.New(sender.Options{Config: common.DefaultConfig().Reporting, Log: log})
	l = New(Options{
		State: dir, Pool: pool, Sender: reports, Version: "test", Log: log,
		Reporting: func() common.ReportingConfig { return common.DefaultConfig().Reporting },
		Actions:   func() common.ActionsConfig { return common.DefaultConfig().Actions },
	})
	return l, func() {
		done, cancel := context.WithTimeout(context.Background(), 0)
		defer cancel()
		reports.Close(done)
		l.Close()
		pool.Close()
		for _, b := range h.claims {
			if lock := b.claim.Lock(); lock != nil {
				lock.Close()
			}
		}
		h.claims = nil
		if err := dir.Close(); err != nil {
			h.t.Error(err)
		}
	}
}

// fetch gives a task that the server has handed out.
func (h *house) fetch(l *Launcher) *runnerv1.Task {
	h.t.Helper()
	h.server.Enqueue(coordinator.RawJob{
		Labels: []string{"linux"}, Payload: []byte("on: push\njobs:\n  a:\n    runs-on: linux\n    steps: [{run: echo}, {run: echo}]\n"),
	})
	client, err := l.Dial(h.runner)
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := l.Key(h.runner.ID())
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := client.FetchTask(h.t.Context(), network.FetchRequest{Key: key, Hold: time.Second, Patience: time.Minute})
	if err != nil || len(answer.Tasks) != 1 {
		h.t.Fatalf("FetchTask: %v, %v", answer, err)
	}
	return answer.Tasks[0]
}

func (h *house) claim(l *Launcher, task *runnerv1.Task) supervisor.Claim {
	h.t.Helper()
	claim, err := l.Claim(h.runner, task)
	if err != nil {
		h.t.Fatal(err)
	}
	h.claims = append(h.claims, claim.(*build))
	return claim
}

// certificate puts the CA file in place that the registration names.
func (h *house) certificate() {
	h.t.Helper()
	defer time.Sleep(2 * time.Minute) // of the bubble's: the longest pause of a sender
	pem, err := os.ReadFile(filepath.Join("testdata", "other-ca.pem"))
	if err == nil {
		err = os.WriteFile(h.runner.TLSCAFile, pem, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) recover(l *Launcher, runners ...*common.RunnerConfig) {
	h.t.Helper()
	if adopted, err := l.Recover(runners); err != nil || len(adopted) != 0 {
		h.t.Fatalf("Recover: %v, %v", adopted, err)
	}
}

// ends waits for a task's end.
func (h *house) ends(task *runnerv1.Task, want coordinator.Status) {
	h.t.Helper()
	time.Sleep(time.Minute) // of the bubble's
	synctest.Wait()
	info, _ := h.server.Task(task.GetId())
	if info.Status != want {
		h.t.Errorf("task is %v, want %v", info.Status, want)
	}
}

func (h *house) left(folder string) []string {
	names, _ := filepath.Glob(filepath.Join(h.root, folder, "*"))
	return names
}

func (h *house) log(task *runnerv1.Task) string {
	var text strings.Builder
	for _, line := range h.server.Log(task.GetId()) {
		text.WriteString(line.Content + "\n")
	}
	return text.String()
}

func TestTheNextStartClosesAClaim(t *testing.T) {
	for name, inConfig := range map[string]bool{"of a registration in the configuration": true, "of one that was removed from it": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.server.Close()
				l, leave := h.open()
				task := h.fetch(l)
				h.claim(l, task)
				leave()

				var runners []*common.RunnerConfig
				if inConfig {
					runners = append(runners, h.runner)
				}
				l, leave = h.open()
				defer leave()
				h.recover(l, runners...)
				h.ends(task, coordinator.StatusFailure)
				if text := h.log(task); !strings.Contains(text, "closed as failed") {
					t.Errorf("no row says what happened:\n%s", text)
				}
				info, _ := h.server.Task(task.GetId())
				for _, step := range info.Steps {
					if step.Status != coordinator.StatusSkipped {
						t.Errorf("step %q is %v, want skipped", step.Name, step.Status)
					}
				}
				left := append(h.left("jobs"), h.left("builds")...)
				if !inConfig { // else the next job needs it
					left = append(left, h.left("credentials")...)
				}
				if len(left) > 0 {
					t.Errorf("left: %v", left)
				}
			})
		})
	}
}

func TestATokenLeavesTheDiskWithItsRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		client, err := l.Dial(h.runner)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Declare(t.Context(), "v", []string{"linux"}); err != nil {
			t.Fatal(err)
		}
		task := h.fetch(l)
		claim := h.claim(l, task)
		l.Reconfigure(common.DefaultConfig())
		if left := h.left("credentials"); len(left) != 1 {
			t.Errorf("with a job: %v", left)
		}
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
		if _, err := l.Key(h.runner.ID()); err != nil { // of a poll that was under way
			t.Fatal(err)
		}
		l.Reconfigure(common.DefaultConfig())
		if left := append(h.left("credentials"), h.left("keys")...); len(left) != 0 {
			t.Errorf("without one: %v", left)
		}
		if n := len(l.configured) + len(l.dialled) + len(l.speakers); n != 0 || len(l.capabilities) != 0 {
			t.Errorf("in memory: %d with tokens, capabilities of %d", n, len(l.capabilities))
		}
	})
}

// What cannot be dialled for a moment must cost no task.
func TestATaskWhoseServerCannotBeDialledNowIsReportedLater(t *testing.T) {
	for name, kept := range map[string]bool{"claimed": true, "that could not be kept": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.server.Close()
				l, leave := h.open()
				defer leave()
				task := h.fetch(l)
				h.runner.TLSCAFile = filepath.Join(h.root, "missing.pem")
				req := supervisor.StartRequest{Runner: h.runner, Task: task}
				if kept {
					req.Claim = h.claim(l, task)
				}
				if err := l.FailClaim(t.Context(), req, "no"); err != nil {
					t.Fatal(err)
				}
				h.ends(task, coordinator.StatusRunning)
				h.certificate()
				h.ends(task, coordinator.StatusFailure)
			})
		})
	}
}

func TestAnEndThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.server.Close()
		l, leave := h.open()
		defer leave()
		task := h.fetch(l)
		claim := h.claim(l, task)
		inTheWay := filepath.Join(claim.(*build).dirs.Job, "spool")
		if err := os.Mkdir(inTheWay, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := l.FailClaim(t.Context(), supervisor.StartRequest{Runner: h.runner, Claim: claim, Task: task}, "no room"); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusRunning)
		if err := os.Remove(inTheWay); err != nil {
			t.Fatal(err)
		}
		h.ends(task, coordinator.StatusFailure)
		if text := h.log(task); strings.Count(text, "no room") != 1 {
			t.Errorf("log:\n%s", text)
		}
		if left := h.left("jobs"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

func TestAnAdoptedJobKeepsTheTimeoutThatItStartedWith(t *testing.T) {
	dir := t.TempDir()
	b := &build{l: &Launcher{now: job.Now}, dirs: common.JobDirs{Job: dir}}
	runner := common.DefaultRunner()
	runner.JobTimeout = common.Duration(time.Minute) // by now
	if left := b.timeLeft(runner); left != time.Minute {
		t.Errorf("before job.json is there: %s", left)
	}
	info := fmt.Sprintf(`{"v":%d,"deadline":%q}`, job.InfoVersion, time.Now().Add(10*time.Hour).Format(time.RFC3339Nano))
	if err := os.WriteFile(filepath.Join(dir, job.InfoName), []byte(info), 0o600); err != nil {
		t.Fatal(err)
	}
	if left := b.timeLeft(runner); left < 9*time.Hour || left > 10*time.Hour {
		t.Errorf("time left: %s, want 10 h", left)
	}
}
