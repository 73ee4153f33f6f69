package exec

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"multirunner/workflow/model"
)

// workflowDirs are looked at in this order; the first that exists is taken
// (Gitea: WORKFLOW_DIRS).
var workflowDirs = []string{".gitea/workflows", ".github/workflows"}

// file is a workflow that will be run.
type file struct {
	name     string // as shown: relative to the project where it lies below it
	data     []byte
	workflow *model.Workflow
}

// findWorkflows reads and parses the workflows to run: the named ones, or
// all of the project that listen to the event. What is left out is said by
// note. One that is not named and cannot be read keeps no other from being run:
// broken joins what is wrong with such.
func findWorkflows(dir string, named []string, event string, note func(format string, args ...any)) (files []file, broken, err error) {
	paths, all := named, len(named) == 0
	if all {
		if paths, err = listWorkflows(dir); err != nil {
			return nil, nil, err
		}
	}
	for _, path := range paths {
		f, err := readWorkflow(dir, path)
		if err != nil && all {
			broken = errors.Join(broken, err)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		listens := slices.ContainsFunc(f.workflow.On, func(e model.Event) bool { return e.Name == event })
		switch {
		case !listens && all && len(f.workflow.On) == 1 && f.workflow.CanBeCalled():
			continue // it is there for others to call
		case !listens && all:
			note("%s: does not listen to %s, left out", f.name, event)
			continue
		case !listens:
			note("%s: does not listen to %s, run all the same because it was named", f.name, event)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		none := fmt.Errorf("no workflow listens to %s: name one, or choose another event with --event", event)
		if broken != nil {
			none = fmt.Errorf("no other workflow listens to %s", event)
		}
		return nil, nil, errors.Join(broken, none)
	}
	return files, broken, nil
}

func listWorkflows(dir string) ([]string, error) {
	for _, sub := range workflowDirs {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var paths []string
		for _, entry := range entries {
			if ext := filepath.Ext(entry.Name()); !entry.IsDir() && (ext == ".yml" || ext == ".yaml") {
				paths = append(paths, filepath.Join(dir, sub, entry.Name()))
			}
		}
		if len(paths) > 0 {
			return paths, nil
		}
	}
	return nil, fmt.Errorf("no workflow in %s or %s of %s: name a workflow file, or the project with -C", workflowDirs[0], workflowDirs[1], dir)
}

// readWorkflow takes a path as the user wrote it: relative to where they are,
// or to the project.
func readWorkflow(dir, path string) (file, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) && !filepath.IsAbs(path) {
		if inDir, err2 := os.ReadFile(filepath.Join(dir, path)); err2 == nil {
			data, err, path = inDir, nil, filepath.Join(dir, path)
		}
	}
	if err != nil {
		return file{}, err
	}
	name := path
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		name = filepath.ToSlash(rel)
	}
	workflow, err := model.Parse(name, data)
	if err == nil {
		_, err = model.Order(workflow.Jobs)
	}
	if err != nil {
		return file{}, err
	}
	return file{name: name, data: data, workflow: workflow}, nil
}
