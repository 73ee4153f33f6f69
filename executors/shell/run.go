package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"multirunner/common"
	"multirunner/helpers/process"
)

// Run implements common.Executor.
func (e *Executor) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	if _, err := e.opened(); err != nil {
		return common.ExitStatus{}, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	if ctx.Err() != nil {
		return unstarted(context.Cause(ctx)), nil
	}
	path, err := e.find(cmd.Path, valueOf(cmd.Env, "PATH"))
	if err != nil {
		return common.ExitStatus{}, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	command, err := e.family.Start(process.Options{
		Path: path, Name: filepath.Base(cmd.Path), Args: cmd.Args,
		Dir: e.directory(cmd.Dir), Env: e.commandEnv(cmd.Env),
		Stdout: cmd.Stdout, Stderr: cmd.Stderr, Late: cmd.Late,
		User: e.user,
	})
	if err != nil {
		return common.ExitStatus{}, fmt.Errorf("run %s: %w", cmd.Path, e.whyNot(err, cmd))
	}
	status := command.Wait(ctx, process.Escalation{
		Graceful: e.spec.Shell.GracefulKillTimeout.Std(),
		Force:    e.spec.Shell.ForceKillTimeout.Std(),
		AtOnce:   killsAtOnce,
		Hurry:    cmd.Kill,
	})
	return common.ExitStatus{Code: status.Code, Signal: status.Signal}, nil
}

// whyNot says more about a command that could not be started.
func (e *Executor) whyNot(err error, cmd *common.Command) error {
	if _, statErr := os.Stat(e.directory(cmd.Dir)); errors.Is(statErr, fs.ErrNotExist) {
		return fmt.Errorf("working directory %s does not exist: %w", cmd.Dir, err)
	}
	if errors.Is(err, syscall.E2BIG) {
		return fmt.Errorf("%w: %s: hand over large values in files", err, sizes(cmd.Env))
	}
	return e.explain(err, cmd.Dir)
}

// sizes tells how large an environment is and what makes it so.
func sizes(env []string) string {
	total, largest := 0, ""
	for _, kv := range env {
		total += len(kv) + 1
		if len(kv) > len(largest) {
			largest = kv
		}
	}
	name, _, _ := strings.Cut(largest, "=")
	return fmt.Sprintf("the environment has %d bytes, %d of them in %s", total, len(largest), name)
}

func killsAtOnce(cause error) bool { return errors.Is(cause, common.ErrKill) }

// unstarted is the status of a command that was cancelled before it started:
// that of one that was so right after.
func unstarted(cause error) common.ExitStatus {
	if killsAtOnce(cause) {
		return common.ExitStatus{Code: -1, Signal: "killed"}
	}
	return common.ExitStatus{Code: -1, Signal: "interrupt"}
}

// directory gives where a command starts.
func (e *Executor) directory(dir string) string {
	dir = filepath.FromSlash(dir)
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(e.paths.Workspace, dir)
}

// commandEnv adds what every process of the job has, whatever a step says.
func (e *Executor) commandEnv(env []string) []string {
	list := append(make([]string, 0, len(env)+1), env...)
	if e.spec.TrackingID != "" {
		list = append(list, trackingVariable+"="+e.spec.TrackingID)
	}
	return list
}

// find gives a program's path: names without a slash are looked up, relative
// paths start at the workspace.
func (e *Executor) find(name, path string) (string, error) {
	if filepath.Base(name) == name {
		return e.lookPath(name, path)
	}
	return e.directory(name), nil
}
