package dummy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"

	"multirunner/common"
)

// Executor implements common.Executor without a place to run in.
type Executor struct {
	provider *Provider
	spec     *common.JobSpec
	paths    common.Paths
	files    *files

	late sync.Mutex // one Late writer at a time

	mu       sync.Mutex
	prepared bool
	running  bool
	children []<-chan struct{} // closed when a background child has ended
	alive    context.Context   // of background children
	killAll  context.CancelFunc
}

func newExecutor(p *Provider, spec *common.JobSpec) *Executor {
	base := path.Join("/dummy", spec.TrackingID)
	e := &Executor{
		provider: p,
		spec:     spec,
		paths: common.Paths{
			Workspace: path.Join(base, "work"), Temp: path.Join(base, "temp"),
			Home: path.Join(base, "home"), ToolCache: "/dummy/tools",
		},
	}
	e.files = &files{temp: e.paths.Temp, content: map[string][]byte{}}
	e.alive, e.killAll = context.WithCancel(context.Background())
	return e
}

// Spec is what the executor was created for.
func (e *Executor) Spec() *common.JobSpec { return e.spec }

// Prepare implements common.Executor.
func (e *Executor) Prepare(ctx context.Context, log io.Writer) error {
	var err error
	if e.provider.script.Prepare != nil {
		err = e.provider.script.Prepare(ctx, log)
	}
	e.record("Prepare", nil, err)
	if err == nil {
		e.mu.Lock()
		e.prepared = true
		e.mu.Unlock()
	}
	return err
}

// Paths implements common.Executor.
func (e *Executor) Paths() common.Paths {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.paths
}

// BaseEnv implements common.Executor.
func (e *Executor) BaseEnv() []string {
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + e.Paths().Home, "RUNNER_TRACKING_ID=" + e.spec.TrackingID}
	return slices.Concat(env, e.provider.script.Env, e.spec.Environment)
}

// LookPath implements common.Executor.
func (e *Executor) LookPath(_ context.Context, name, _ string) (string, error) {
	if err := e.ready("LookPath"); err != nil {
		return "", err
	}
	if slices.Contains(e.provider.script.Missing, name) {
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	if strings.HasPrefix(name, "/") {
		return name, nil
	}
	return "/bin/" + name, nil
}

// WriteTemp implements common.Executor.
func (e *Executor) WriteTemp(_ context.Context, name string, data []byte) (string, error) {
	if err := e.ready("WriteTemp"); err != nil {
		return "", err
	}
	at, err := e.files.path(name)
	if err != nil {
		return "", err
	}
	e.files.write(at, data)
	return at, nil
}

// ReadTemp implements common.Executor.
func (e *Executor) ReadTemp(_ context.Context, name string, limit int64) ([]byte, error) {
	if err := e.ready("ReadTemp"); err != nil {
		return nil, err
	}
	at, err := e.files.path(name)
	if err != nil {
		return nil, err
	}
	data, err := e.files.read(at)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has %d bytes, %d are allowed", name, len(data), limit)
	}
	return data, nil
}

// StopBackground implements common.Executor.
func (e *Executor) StopBackground(ctx context.Context) error {
	e.stopChildren()
	err := call(e.provider.script.StopBackground, ctx)
	e.record("StopBackground", nil, err)
	return err
}

func (e *Executor) stopChildren() {
	e.mu.Lock()
	kill, children := e.killAll, e.children
	e.alive, e.killAll = context.WithCancel(context.Background())
	e.children = nil
	e.mu.Unlock()
	kill()
	for _, ended := range children {
		<-ended
	}
}

// Cleanup implements common.Executor.
func (e *Executor) Cleanup(ctx context.Context) error {
	e.stopChildren()
	e.mu.Lock()
	e.prepared = false
	e.mu.Unlock()
	e.files.clear()
	err := call(e.provider.script.Cleanup, ctx)
	e.record("Cleanup", nil, err)
	return err
}

// ready refuses what needs a Prepare that succeeded.
func (e *Executor) ready(method string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.prepared {
		return errors.New(method + " without a Prepare that succeeded")
	}
	return nil
}

func (e *Executor) record(method string, c *common.Command, err error) {
	event := Event{Method: method, Job: e.spec.TrackingID, Err: err}
	if c != nil {
		event.Command = &common.Command{Path: c.Path, Args: slices.Clone(c.Args), Dir: c.Dir, Env: slices.Clone(c.Env)}
	}
	e.provider.record(event)
}
