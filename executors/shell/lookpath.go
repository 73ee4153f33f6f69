package shell

import (
	"context"
	"os/exec"
	"path/filepath"
)

// LookPath implements common.Executor. Empty and relative entries of the path
// are passed over: what lies in the directory that a command happens to start
// in is not a program of the machine.
func (e *Executor) LookPath(_ context.Context, name, path string) (string, error) {
	return e.lookPath(name, path)
}

func (e *Executor) lookPath(name, path string) (string, error) {
	if name == "" {
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	if filepath.Base(name) != name {
		if found, ok := e.executable(e.directory(name)); ok {
			return found, nil
		}
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, ok := e.executable(filepath.Join(dir, name)); ok {
			return found, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}
