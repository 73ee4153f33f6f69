package dummy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"multirunner/common"
)

// Engine says what the container engine of a Script does. The zero Engine has
// every image, lets everything succeed and interprets what a container runs.
type Engine struct {
	// Each of these replaces the success of a call.
	Require      func(asked common.JobContainers) error
	PrepareImage func(ctx context.Context, image common.ActionImage, log io.Writer) (string, error)
	// Containers tells what Prepare has made; nil makes ids up.
	Containers func(asked common.JobContainers) common.RunningContainers
	// Images are scripts that images run which are given no entrypoint, by what
	// PrepareImage calls them. $DUMMY_ARGS are the arguments. Any other image runs
	// its arguments.
	Images map[string]string
}

// ContainerExecutor is an Executor with a container engine. It implements
// common.ContainerExecutor and common.Importer.
type ContainerExecutor struct {
	*Executor
	engine *Engine

	containers sync.Mutex // guards the rest
	asked      *common.JobContainers
	imported   []string
}

func newContainerExecutor(e *Executor, engine *Engine) *ContainerExecutor {
	c := &ContainerExecutor{Executor: e, engine: engine}
	e.files.alias = c.JobPath
	return c
}

// Require implements common.ContainerExecutor. In a container the directories
// have other names.
func (c *ContainerExecutor) Require(asked common.JobContainers) error {
	c.containers.Lock()
	defer c.containers.Unlock()
	var err error
	switch {
	case c.asked != nil:
		err = errors.New("Require is called again")
	case c.ready("Require") == nil:
		err = errors.New("Require after Prepare")
	case c.engine.Require != nil:
		err = c.engine.Require(asked)
	}
	c.record("Require", nil, err)
	if err != nil {
		return err
	}
	c.asked = &asked
	if asked.Job != nil {
		c.mu.Lock()
		c.paths = common.Paths{Workspace: "/__w/work/work", Temp: "/__w/_temp", Home: "/github/home", ToolCache: "/__t"}
		c.mu.Unlock()
		c.files.move(c.paths.Temp)
	}
	return nil
}

// Containers implements common.ContainerExecutor.
func (c *ContainerExecutor) Containers() common.RunningContainers {
	c.containers.Lock()
	defer c.containers.Unlock()
	var asked common.JobContainers
	if c.asked != nil {
		asked = *c.asked
	}
	if c.engine.Containers != nil {
		return c.engine.Containers(asked)
	}
	var running common.RunningContainers
	if asked.Job != nil || len(asked.Services) > 0 {
		running.Network = "network-1"
	}
	if asked.Job != nil {
		running.Container = "container-1"
	}
	for i, s := range asked.Services {
		ports := make(map[string]string)
		for n, port := range s.Ports {
			port, _, _ = strings.Cut(port, "/")
			host, inside, both := strings.Cut(port, ":")
			if !both {
				host, inside = fmt.Sprint(32768+100*i+n), port
			}
			ports[inside] = host
		}
		running.Services = append(running.Services, common.RunningService{ID: s.ID, Container: "service-" + s.ID, Ports: ports})
	}
	return running
}

// PrepareImage implements common.ContainerExecutor. An image has its name, one
// that is built that of its directory.
func (c *ContainerExecutor) PrepareImage(ctx context.Context, image common.ActionImage, log io.Writer) (string, error) {
	if err := c.ready("PrepareImage"); err != nil {
		return "", err
	}
	name, err := image.Image, error(nil)
	if image.Dir != "" {
		name = "built:" + path.Base(image.Dir)
	}
	if c.engine.PrepareImage != nil {
		name, err = c.engine.PrepareImage(ctx, image, log)
	}
	c.record("PrepareImage", &common.Command{Path: name}, err)
	return name, err
}

// RunContainer implements common.ContainerExecutor.
func (c *ContainerExecutor) RunContainer(ctx context.Context, run *common.ContainerRun) (common.ExitStatus, error) {
	if err := c.begin(); err != nil {
		return common.ExitStatus{}, err
	}
	defer c.end()
	cmd := &common.Command{
		Path: run.Entrypoint, Args: run.Args, Dir: "/github/workspace", Env: c.insideEnv(run.Env),
		Stdout: run.Stdout, Stderr: run.Stderr, Kill: run.Kill,
	}
	call := c.newCall(cmd)
	script, own := c.engine.Images[run.Image]
	switch {
	case own && run.Entrypoint == "":
		call.Text = script
		cmd.Env = append(cmd.Env, "DUMMY_ARGS="+strings.Join(run.Args, " "))
	case !isShell(run):
		call.Text = quoted(append([]string{run.Entrypoint}, run.Args...))
	}
	status, err := call.play(ctx)
	call.run.endAll()
	c.record("RunContainer", cmd, err)
	return status, err
}

// isShell tells whether the arguments hold a script.
func isShell(run *common.ContainerRun) bool {
	for _, arg := range run.Args {
		if arg == "-c" {
			return true
		}
	}
	return false
}

// quoted gives words as a script of one command.
func quoted(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i == 0 && word == "" {
			continue
		}
		b.WriteString("'" + strings.ReplaceAll(word, "'", `'"'"'`) + "' ")
	}
	return b.String()
}

// places are the directories that docker actions know, by what the job's
// commands call them. Those that are in others come first.
func (c *ContainerExecutor) places() [][2]string {
	paths := c.Paths()
	return [][2]string{
		{paths.Temp + "/_runner_file_commands", "/github/file_commands"},
		{paths.Temp + "/_github_workflow", "/github/workflow"},
		{paths.Temp, "/github/runner_temp"}, {paths.Workspace, "/github/workspace"}, {paths.Home, "/github/home"}, {paths.ToolCache, "/__t"},
	}
}

// insideEnv translates values that are paths of the job.
func (c *ContainerExecutor) insideEnv(env []string) []string {
	places := c.places()
	inside := make([]string, len(env))
	for i, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		for _, p := range places {
			if moved, ok := moved(value, p[0], p[1]); ok {
				value = moved
				break
			}
		}
		inside[i] = name + "=" + value
	}
	return inside
}

// JobPath implements common.ContainerExecutor.
func (c *ContainerExecutor) JobPath(name string) string {
	for _, p := range c.places() {
		if moved, ok := moved(name, p[1], p[0]); ok {
			return moved
		}
	}
	return name
}

// moved gives a path below one directory as the same below another.
func moved(name, from, to string) (string, bool) {
	if name == from {
		return to, true
	}
	below, ok := strings.CutPrefix(name, from+"/")
	return to + "/" + below, ok
}

// Import implements common.Importer: in a job's container other names, on the
// host the same ones.
func (c *ContainerExecutor) Import(_ context.Context, dir string) (string, error) {
	if err := c.ready("Import"); err != nil {
		return "", err
	}
	c.containers.Lock()
	defer c.containers.Unlock()
	c.record("Import", &common.Command{Path: dir}, nil)
	if c.asked == nil || c.asked.Job == nil {
		return dir, nil
	}
	for i, known := range c.imported {
		if known == dir {
			return importPath(i), nil
		}
	}
	c.imported = append(c.imported, dir)
	return importPath(len(c.imported) - 1), nil
}

func importPath(index int) string { return fmt.Sprintf("/__a/%d", index+1) }

// Real gives a path of a directory that was imported as this machine calls it.
func (c *ContainerExecutor) Real(name string) string {
	c.containers.Lock()
	defer c.containers.Unlock()
	for i, dir := range c.imported {
		if real, ok := moved(name, importPath(i), dir); ok {
			return real
		}
	}
	return name
}
