package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"multirunner/common"
	"multirunner/helpers/hardlink"
	"multirunner/workflow/command"
	"multirunner/workflow/matcher"
)

// addMatchers obeys add-matcher: the problem matchers of a file look at all
// output from here on, that of later steps too (GitHub: AddMatcherCommandExtension).
func (o *stepOutput) addMatchers(at time.Time, file string) error {
	if strings.TrimSpace(file) == "" {
		o.r.job.rows.warn("add-matcher was given no file: write ::add-matcher::FILE")
		return nil
	}
	matchers, err := o.r.job.readMatchers(o.path(file))
	if err != nil {
		return err
	}
	o.r.job.matchers.Add(matchers)
	if !o.r.job.debug {
		return nil
	}
	for _, m := range matchers {
		o.tagged(at, command.Debug, fmt.Sprintf("The problem matcher %q looks for problems from here on.", m.Owner()))
	}
	return nil
}

// removeMatchers obeys remove-matcher, which takes an owner, or the file that
// has the owners.
func (o *stepOutput) removeMatchers(c command.Command) error {
	owner := c.Property("owner")
	if (owner == "") == (c.Data == "") {
		o.r.job.rows.warn("remove-matcher takes an owner or a file: write ::remove-matcher owner=OWNER:: or ::remove-matcher::FILE")
		return nil
	}
	if owner != "" {
		o.r.job.matchers.Remove(owner)
		return nil
	}
	matchers, err := o.r.job.readMatchers(o.path(c.Data))
	if err != nil {
		return err
	}
	for _, m := range matchers {
		o.r.job.matchers.Remove(m.Owner())
	}
	return nil
}

func (j *Job) readMatchers(file string) ([]*matcher.Matcher, error) {
	data, err := j.readJobFile(file, matcher.MaxFile)
	var matchers []*matcher.Matcher
	if err == nil {
		matchers, err = matcher.Parse(data)
	}
	if err != nil {
		return nil, fmt.Errorf("the problem matchers of %s cannot be used: %w", file, err)
	}
	return matchers, nil
}

// jobDir is a directory that the runner reads for a job.
type jobDir struct {
	seen string // as the job's commands see it
	root string // as this process sees it, or a directory above, which nothing read may leave
	path string // of it below root
}

// jobDirs are what the job itself has put somewhere, and what the runner has
// for it. Of everything else the job may not be allowed to read what this
// process can.
func (j *Job) jobDirs() []jobDir {
	paths, dirs := j.executor.Paths(), j.spec.Dirs
	workspace := jobDir{paths.Workspace, dirs.Build, "work"}
	if j.spec.Workspace.Mode == common.WorkspaceInPlace {
		workspace = jobDir{paths.Workspace, j.spec.Workspace.Source, "."}
	}
	list := []jobDir{
		workspace,
		{paths.Temp, dirs.Build, "temp"},
		{paths.Home, dirs.Build, "home"},
		{paths.ToolCache, dirs.Tools, "."},
		{dirs.Actions, dirs.Actions, "."},
	}
	for dir, seen := range j.actions.visible {
		list = append(list, jobDir{seen, dir, "."})
	}
	return list
}

// readJobFile reads a file of the job, by the name that the job has for it.
// Relative ones are in the workspace.
func (j *Job) readJobFile(name string, limit int64) ([]byte, error) {
	for _, dir := range j.jobDirs() {
		if dir.seen == "" || dir.root == "" {
			continue
		}
		if below, ok := j.paths().Below(dir.seen, name); ok {
			return readBelow(dir.root, path.Join(dir.path, below), limit)
		}
	}
	return nil, errors.New("the file is not in the workspace, the temp directory, the home directory, the tool cache or an action: put it there")
}

// readBelow reads a regular file below root. Links are followed as long as they
// do not leave it. What is there may be the job's doing: a named pipe is opened
// without waiting, and then refused.
func readBelow(root, name string, limit int64) ([]byte, error) {
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, cause(err)
	}
	defer tree.Close()
	file, err := tree.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, cause(err)
	}
	top, err := tree.Stat(".")
	if err != nil {
		return nil, cause(err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case hardlink.Foreign(top, info):
		return nil, errors.New("it is a link to a file of another user")
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is larger than %s", sizeText(limit))
	}
	return data, nil
}

// cause is an error without the path, which the job has another name for.
func cause(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
