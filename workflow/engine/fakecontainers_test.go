package engine

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"

	"multirunner/common"
)

// fakeContainers is a fakeExecutor with a container engine that has no images
// but those whose name does not begin with "missing". What a container runs is
// a script of the fake's language: that of its entrypoint and arguments in
// programs, else its arguments, joined and split at " ; ".
type fakeContainers struct {
	*fakeExecutor
	require  error
	running  common.RunningContainers
	imports  map[string]string // what the job sees, by directory; nil: no Import
	nodeDir  string
	programs map[string]string                   // scripts, by entrypoint, else by image
	pull     func(context.Context, string) error // nil for success

	mu       sync.Mutex
	asked    []common.JobContainers
	images   []common.ActionImage
	runs     []common.ContainerRun
	building int // at this moment
	most     int // that were built at once
}

// contained makes the bench's executor one with a container engine.
func (b *bench) contained() *fakeContainers {
	b.containers = &fakeContainers{fakeExecutor: b.executor, programs: make(map[string]string)}
	return b.containers
}

func (f *fakeContainers) inside() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked) > 0 && f.asked[0].Job != nil
}

func (f *fakeContainers) Paths() common.Paths {
	if f.inside() {
		return common.Paths{Workspace: "/__w/demo/demo", Temp: "/__w/_temp", Home: "/github/home", ToolCache: "/__t", Node: f.nodeDir}
	}
	paths := f.fakeExecutor.Paths()
	paths.Node = f.nodeDir
	return paths
}

func (f *fakeContainers) Require(asked common.JobContainers) error {
	f.call("Require")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, asked)
	return f.require
}

func (f *fakeContainers) Containers() common.RunningContainers { return f.running }

func (f *fakeContainers) PrepareImage(ctx context.Context, image common.ActionImage, log io.Writer) (string, error) {
	f.mu.Lock()
	f.images = append(f.images, image)
	f.building++
	f.most = max(f.most, f.building)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.building--
		f.mu.Unlock()
	}()
	name := image.Image
	if name == "" {
		name = "built-of-" + path.Base(image.Dir) + "-" + image.Dockerfile
	}
	fmt.Fprintln(log, "getting", name)
	if f.pull != nil {
		if err := f.pull(ctx, name); err != nil {
			return "", err
		}
	}
	if strings.HasPrefix(name, "missing") {
		return "", fmt.Errorf("there is no %s", name)
	}
	fmt.Fprintln(log, "got", name)
	return "id-of-" + name, nil
}

// dirs are the places of a docker action, by what the job's commands call them.
func (f *fakeContainers) dirs() [][2]string {
	paths := f.Paths()
	return [][2]string{
		{paths.Temp + "/_runner_file_commands", "/github/file_commands"}, {paths.Temp + "/_github_workflow", "/github/workflow"},
		{paths.Temp, "/github/runner_temp"}, {paths.Workspace, "/github/workspace"}, {paths.Home, "/github/home"},
	}
}

func (f *fakeContainers) RunContainer(ctx context.Context, run *common.ContainerRun) (common.ExitStatus, error) {
	f.mu.Lock()
	f.runs = append(f.runs, *run)
	f.mu.Unlock()
	if err := f.failures["RunContainer"]; err != nil {
		return common.ExitStatus{}, err
	}
	script, ok := f.programs[run.Entrypoint]
	if !ok {
		script, ok = f.programs[run.Image]
	}
	if !ok {
		script = strings.ReplaceAll(strings.Join(run.Args, " "), " ; ", "\n")
	}
	var env []string
	for _, kv := range run.Env {
		name, value, _ := strings.Cut(kv, "=")
		for _, dir := range f.dirs() {
			if value == dir[0] || strings.HasPrefix(value, dir[0]+"/") {
				value = dir[1] + strings.TrimPrefix(value, dir[0])
				break
			}
		}
		env = append(env, name+"="+value)
	}
	return f.interpret(ctx, script, &common.Command{Env: env, Stdout: run.Stdout, Stderr: run.Stderr, Kill: run.Kill}), nil
}

func (f *fakeContainers) JobPath(name string) string {
	for _, dir := range f.dirs() {
		if name == dir[1] || strings.HasPrefix(name, dir[1]+"/") {
			return dir[0] + strings.TrimPrefix(name, dir[1])
		}
	}
	return name
}

// WriteTemp gives the path in the job's container.
func (f *fakeContainers) WriteTemp(ctx context.Context, name string, data []byte) (string, error) {
	at, err := f.fakeExecutor.WriteTemp(ctx, name, data)
	return strings.Replace(at, "/job/temp", f.Paths().Temp, 1), err
}

// importing is one that is an Importer too.
type importing struct{ *fakeContainers }

func (f importing) Import(_ context.Context, dir string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.failures["Import"]; err != nil {
		return "", err
	}
	if _, again := f.imports[dir]; again {
		return "", fmt.Errorf("%s is imported again", dir)
	}
	seen := fmt.Sprintf("/__a/%d", len(f.imports)+1)
	f.imports[dir] = seen
	f.disk[seen] = dir
	return seen, nil
}

// importing makes the bench's executor one whose commands do not see this
// machine's directories.
func (b *bench) importing() *fakeContainers {
	f := b.contained()
	f.imports = make(map[string]string)
	b.executor.disk = make(map[string]string)
	return f
}

// slowly makes images take a while each, under synctest.
func slowly(each time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		select {
		case <-time.After(each):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
