package coordinator

import (
	"errors"
	"fmt"
	"io/fs"

	"multirunner/workflow/model"
)

// library has the workflows of the project that a run may call, as they are
// when it is submitted. Nil for a run that calls none: its jobs with `uses` are
// left to runners.
type library map[string]callee

type callee struct {
	workflow *model.Workflow
	jobs     []*model.Job // in the order of needs
	err      error        // why it cannot be called
}

// readLibrary reads what jobs call, and what is called by that in turn. What is
// wrong is told when the turn of the job comes that calls it.
func readLibrary(read func(path string) ([]byte, error), jobs []*model.Job) library {
	if read == nil {
		return nil
	}
	found := make(library)
	for left := jobs; len(left) > 0; {
		job := left[0]
		left = left[1:]
		if job.Uses == "" {
			continue
		}
		path, err := job.CallPath()
		if err != nil {
			continue
		}
		if _, known := found[path]; known {
			continue
		}
		c := readCallee(read, path)
		found[path] = c
		left = append(left[:len(left):len(left)], c.jobs...)
	}
	return found
}

func readCallee(read func(path string) ([]byte, error), path string) callee {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return callee{err: fmt.Errorf("the project has no %s", path)}
	}
	if err != nil {
		return callee{err: err}
	}
	workflow, err := model.Parse(path, data)
	if err != nil {
		return callee{err: err}
	}
	if !workflow.CanBeCalled() {
		return callee{err: fmt.Errorf(`%s cannot be called: its "on" has no workflow_call`, path)}
	}
	jobs, err := model.Order(workflow.Jobs)
	return callee{workflow: workflow, jobs: jobs, err: err}
}
