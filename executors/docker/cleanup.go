package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"multirunner/executors/docker/shim"
)

// cleanLimit is what the removal of the job's containers, networks and volumes
// may take. What is left after it the runner's sweeps remove.
const cleanLimit = 2 * time.Minute

// Cleanup implements common.Executor. Everything of the job is found by its
// labels, also what the engine has made after its answer was lost.
func (e *Executor) Cleanup(ctx context.Context) error {
	e.mu.Lock()
	c, touched := e.client, e.touched
	e.client, e.started = nil, false
	e.mu.Unlock()
	if c != nil {
		c.Close() // its end is that of all that runs in the container
	}
	if !touched {
		return e.inner.Cleanup(ctx)
	}
	ctx, cancel := untilCleaned(ctx, cleanLimit)
	defer cancel()
	err := e.sweepJob(ctx)
	innerErr := e.inner.Cleanup(ctx)
	if errors.Is(innerErr, fs.ErrPermission) {
		// Containers have left files of other users, root for one.
		if rootErr := e.emptyAsRoot(ctx); rootErr != nil {
			return errors.Join(err, innerErr, rootErr)
		}
		innerErr = e.inner.Cleanup(ctx)
	}
	err = errors.Join(err, innerErr)
	if err == nil {
		e.mu.Lock()
		e.touched = false
		e.mu.Unlock()
	}
	return err
}

func (e *Executor) sweepJob(ctx context.Context) error {
	_, err := e.engine.sweep(ctx, ofJob(e.spec.Instance, jobName(e.spec)), func(map[string]string) bool { return true })
	if err != nil {
		return fmt.Errorf("remove the job's containers: %w", err)
	}
	return nil
}

// emptyAsRoot removes what is in the job's directories.
func (e *Executor) emptyAsRoot(ctx context.Context) error {
	var dirs []string
	for _, dir := range e.ownDirectories() {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	e.mu.Lock()
	e.started = true // for the one container
	e.mu.Unlock()
	err := e.asRoot(ctx, func(dirs []string) []string { return shim.EmptyArgs(dirs...) }, dirs)
	e.mu.Lock()
	e.started = false
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("remove what containers have left in the job's directories: %w", err)
	}
	return nil
}

// takeDirectory makes a directory this process's own, with a mode.
func takeDirectory(path string, mode fs.FileMode) error {
	dir, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if self := os.Geteuid(); self == 0 {
		if err := dir.Lchown(".", self, os.Getegid()); err != nil {
			return err
		}
	}
	return dir.Chmod(".", mode)
}
