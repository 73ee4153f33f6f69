package shell

import (
	"context"

	"multirunner/helpers/lookpath"
)

// LookPath implements common.Executor.
func (e *Executor) LookPath(_ context.Context, name, path string) (string, error) {
	return e.lookPath(name, path)
}

func (e *Executor) lookPath(name, path string) (string, error) {
	return lookpath.Find(name, path, e.directory, e.executable)
}
