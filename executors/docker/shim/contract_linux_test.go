package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/executors/contract"
	"multirunner/helpers/process"
	"multirunner/helpers/rmtree"
)

// provider makes executors whose commands run by a shim that is a process of
// this machine: all of a container that the contract is about.
type provider struct {
	role   string
	broken bool
}

func (p provider) Name() string                    { return "shim" }
func (p provider) Schemes() []string               { return []string{"shim"} }
func (p provider) Available(context.Context) error { return nil }

func (p provider) Acquire(context.Context, *common.RunnerConfig) (common.Reservation, error) {
	return reservation{}, nil
}

type reservation struct{}

func (reservation) Release() {}

func (p provider) Inherits(runner *common.RunnerConfig) []string {
	return append([]string{"PATH"}, runner.Shell.PassEnvironment...)
}

func (p provider) Create(spec *common.JobSpec) (common.Executor, error) {
	dir := spec.Dirs.Build
	return &executor{provider: p, spec: spec, paths: common.Paths{
		Workspace: dir + "/work", Temp: dir + "/temp", Home: dir + "/home", ToolCache: spec.Dirs.Tools,
	}}, nil
}

var errNotPrepared = errors.New("not prepared")

type executor struct {
	provider provider
	spec     *common.JobSpec
	paths    common.Paths

	mu        sync.Mutex
	container *container
	client    *Client
}

func (e *executor) Paths() common.Paths { return e.paths }

func (e *executor) BaseEnv() []string {
	return append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + e.paths.Home}, e.spec.Environment...)
}

func (e *executor) Prepare(ctx context.Context, _ io.Writer) error {
	dirs := []string{e.paths.Workspace, e.paths.Home, e.paths.Temp}
	if e.provider.broken {
		dirs = dirs[:2]
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	c, err := newContainer(e.provider.role)
	if err != nil {
		return err
	}
	e.container = c
	client, err := Dial(ctx, c.conn, ClientOptions{
		Temp: e.paths.Temp, Workspace: e.paths.Workspace,
		Graceful: e.spec.Shell.GracefulKillTimeout.Std(), Force: e.spec.Shell.ForceKillTimeout.Std(),
	})
	if err != nil {
		return fmt.Errorf("%w (%s)", err, c.stderr.String())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.client = client
	return nil
}

func (e *executor) prepared() (*Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil, errNotPrepared
	}
	return e.client, nil
}

func (e *executor) LookPath(ctx context.Context, name, path string) (string, error) {
	client, err := e.prepared()
	if err != nil {
		return "", err
	}
	return client.LookPath(ctx, name, path)
}

func (e *executor) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	client, err := e.prepared()
	if err != nil {
		return common.ExitStatus{}, err
	}
	marked := *cmd
	marked.Env = append(slices.Clone(cmd.Env), "RUNNER_TRACKING_ID="+e.spec.TrackingID)
	return client.Run(ctx, &marked)
}

func (e *executor) WriteTemp(ctx context.Context, name string, data []byte) (string, error) {
	client, err := e.prepared()
	if err != nil {
		return "", err
	}
	return client.WriteTemp(ctx, name, data)
}

func (e *executor) ReadTemp(ctx context.Context, name string, limit int64) ([]byte, error) {
	client, err := e.prepared()
	if err != nil {
		return nil, err
	}
	return client.ReadTemp(ctx, name, limit)
}

func (e *executor) StopBackground(ctx context.Context) error {
	client, err := e.prepared()
	if err != nil {
		return nil
	}
	return client.StopBackground(ctx)
}

func (e *executor) Cleanup(ctx context.Context) error {
	err := e.StopBackground(ctx)
	e.mu.Lock()
	client := e.client
	e.client = nil
	e.mu.Unlock()
	if client != nil {
		if left := client.pending(); len(left) > 0 {
			// What tells that output is closed may follow the answer.
			deadline := time.Now().Add(5 * time.Second)
			for ; len(left) > 0 && time.Now().Before(deadline); left = client.pending() {
				time.Sleep(time.Millisecond)
			}
			if len(left) > 0 {
				err = errors.Join(err, fmt.Errorf("not answered: %d", left))
			}
		}
		err = errors.Join(err, client.Close())
	}
	if e.container != nil {
		err = errors.Join(err, e.container.ended())
		e.container = nil
	}
	return errors.Join(err, rmtree.Remove(e.spec.Dirs.Build))
}

func harness(role string, gone func(*testing.T, string) bool) contract.Harness {
	made := func(p provider) func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
		return func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
			dir := t.TempDir()
			return p, &common.JobSpec{
				TrackingID: "test-" + filepath.Base(dir),
				Dirs:       common.JobDirs{Build: dir + "/job", Tools: dir + "/tools"},
			}
		}
	}
	return contract.Harness{
		Real: true, Gone: gone,
		New:    made(provider{role: role}),
		Broken: made(provider{role: role, broken: true}),
	}
}

func TestContractInAnOrdinaryProcess(t *testing.T) {
	contract.Test(t, harness(roleChild, func(t *testing.T, pid string) bool {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		started, err := process.StartTime(n)
		return err != nil || !process.Alive(n, started)
	}))
}

func TestContractAsTheFirstProcessOfANamespace(t *testing.T) {
	needNamespaces(t)
	contract.Test(t, harness(roleFirst, func(t *testing.T, pid string) bool { return len(within(t, pid)) == 0 }))
}

// within gives the processes that live, as this namespace numbers them, which
// have a number in a namespace below this process.
func within(t *testing.T, pid string) []int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	parents := map[string]string{}
	var same []string
	for _, name := range names {
		text, err := os.ReadFile(name + "/status")
		if err != nil {
			continue
		}
		fields := map[string][]string{}
		for entry := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(entry, ":")
			fields[key] = strings.Fields(value)
		}
		self := filepath.Base(name)
		parents[self] = fields["PPid"][0]
		numbers := fields["NSpid"]
		if len(numbers) > 1 && numbers[len(numbers)-1] == pid && fields["State"][0] != "Z" {
			same = append(same, self)
		}
	}
	var found []int
	for _, self := range same {
		for above := self; above != ""; above = parents[above] {
			if above == strconv.Itoa(os.Getpid()) {
				n, _ := strconv.Atoi(self)
				found = append(found, n)
				break
			}
		}
	}
	return found
}
