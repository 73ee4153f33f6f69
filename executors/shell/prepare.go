package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"multirunner/common"
	"multirunner/helpers/process"
	"multirunner/helpers/rmtree"
	"multirunner/helpers/tempdir"
)

// Prepare implements common.Executor. It is called once.
func (e *Executor) Prepare(ctx context.Context, log io.Writer) error {
	if err := e.makeDirectories(); err != nil {
		return fmt.Errorf("prepare the build directory: %w", err)
	}
	// The build directory is the job's, the one above it is not.
	build := e.spec.Dirs.Build
	temp, err := tempdir.Open(filepath.Dir(build), filepath.Join(filepath.Base(build), filepath.Base(e.paths.Temp)), e.user)
	if err != nil {
		return fmt.Errorf("prepare the build directory: %w", err)
	}
	e.mu.Lock()
	e.temp = temp
	e.mu.Unlock()
	if err := e.fillWorkspace(ctx, log); err != nil {
		return fmt.Errorf("prepare the workspace: %w", err)
	}
	if err := e.tryUser(ctx); err != nil {
		return fmt.Errorf("prepare the build directory: %w", err)
	}
	return nil
}

// makeDirectories makes the directories of the job. What an earlier attempt
// left under the same name goes first.
func (e *Executor) makeDirectories() error {
	build := e.spec.Dirs.Build
	if err := rmtree.Remove(build); err != nil {
		return err
	}
	above := fs.FileMode(0o700)
	if !e.user.IsSelf() {
		above = 0o711 // the job's user must get through
	}
	if err := os.MkdirAll(filepath.Dir(build), above); err != nil {
		return err
	}
	if err := e.makeToolCache(); err != nil {
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(build))
	if err != nil {
		return err
	}
	defer parent.Close()
	base := filepath.Base(build)
	dirs := []string{base, filepath.Join(base, "home"), filepath.Join(base, "temp")}
	if e.spec.Workspace.Mode != common.WorkspaceInPlace {
		dirs = append(dirs, filepath.Join(base, "work"))
	}
	for _, dir := range dirs {
		if err := tempdir.MakeDirectory(parent, dir, 0o700, e.user); err != nil {
			return err
		}
	}
	return nil
}

// makeToolCache makes the tool cache for the job's user. It is shared: one that
// is there stays as it is.
func (e *Executor) makeToolCache() error {
	dir := e.paths.ToolCache
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	err = tempdir.MakeDirectory(parent, filepath.Base(dir), 0o755, e.user)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// tryUser finds out now, not in the first step, whether another user can work
// in the workspace.
func (e *Executor) tryUser(ctx context.Context) error {
	if e.user.IsSelf() {
		return nil
	}
	command, err := e.family.Start(process.Options{
		Path: "/bin/sh", Args: []string{"-c", "exit 0"},
		Dir: e.paths.Workspace, Env: e.commandEnv(e.env), User: e.user,
	})
	if err != nil {
		return e.explain(err, "")
	}
	command.Wait(ctx, process.Escalation{})
	return nil
}

// fillWorkspace makes the workspace what the job says it starts as.
func (e *Executor) fillWorkspace(ctx context.Context, log io.Writer) error {
	switch e.spec.Workspace.Mode {
	case common.WorkspaceCopy:
		return e.copyWorkspace(ctx, log)
	case common.WorkspaceInPlace:
		info, err := os.Stat(e.paths.Workspace)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", e.paths.Workspace)
		}
	}
	return nil
}
