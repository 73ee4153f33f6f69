package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// copyWorkspace fills the workspace with a copy of the source: of a git work
// tree what git tracks or does not ignore, and its repository, else everything.
func (e *Executor) copyWorkspace(ctx context.Context, log io.Writer) error {
	source := e.spec.Workspace.Source
	c, err := newCopier(ctx, e, source, e.paths.Workspace)
	if err != nil {
		return err
	}
	defer c.close()
	how := ", as git lists them"
	files, err := e.gitFiles(ctx, source)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		how = fmt.Sprintf(", everything that is there: %v", err)
		err = c.tree(".", nil)
	default:
		err = c.checkout(files)
	}
	if err != nil {
		return err
	}
	for _, name := range c.unreadable {
		fmt.Fprintf(log, "Not copied, for this user may not read it: %s\n", name)
	}
	if c.skipped > 0 {
		fmt.Fprintf(log, "Not copied: %d pipes, sockets and devices\n", c.skipped)
	}
	fmt.Fprintf(log, "Copied %d files (%s) from %s%s\n", c.files, size(c.bytes), source, how)
	return nil
}

// copier copies files from one directory to another. Links are copied as links,
// and neither directory is left through one.
type copier struct {
	ctx        context.Context
	executor   *Executor
	source     string
	from, to   *os.Root
	build      string // the build directory's name in the source; empty when it lies elsewhere
	made       map[string]bool
	files      int
	bytes      int64
	skipped    int
	unreadable []string
}

func newCopier(ctx context.Context, e *Executor, source, target string) (*copier, error) {
	from, err := os.OpenRoot(source)
	if err != nil {
		return nil, err
	}
	to, err := os.OpenRoot(target)
	if err != nil {
		from.Close()
		return nil, err
	}
	return &copier{
		ctx: ctx, executor: e, source: source, from: from, to: to,
		build: within(source, e.spec.Dirs.Build), made: map[string]bool{".": true},
	}, nil
}

// within gives what a path is called in a directory, empty when it is not in it.
func within(dir, path string) string {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return rel
}

// ours tells whether a name is of the copy itself.
func (c *copier) ours(name string) bool {
	return c.build != "" && (name == c.build || strings.HasPrefix(name, c.build+string(filepath.Separator)))
}

func (c *copier) close() {
	c.from.Close()
	c.to.Close()
}

// checkout copies files of a git work tree, and what makes the copy one.
func (c *copier) checkout(files []string) error {
	for _, name := range files {
		if err := c.listed(name); err != nil {
			return err
		}
	}
	return c.repository()
}

// listed copies what git lists: a file, a link, or the directory of another
// repository inside. One that is tracked but deleted is not there.
func (c *copier) listed(name string) error {
	if c.ours(name) {
		return nil
	}
	info, err := c.from.Lstat(name)
	if err != nil {
		return c.unless(err, name)
	}
	if info.IsDir() {
		return c.inner(name)
	}
	return c.entry(name, info)
}

// inner copies a repository inside of the work tree, a submodule for one, by
// its own rules.
func (c *copier) inner(name string) error {
	if _, err := c.from.Lstat(filepath.Join(name, ".git")); err != nil {
		return c.directory(name)
	}
	files, err := c.executor.gitFiles(c.ctx, filepath.Join(c.source, name))
	if err != nil {
		return c.tree(name, nil)
	}
	for _, file := range files {
		if err := c.listed(filepath.Join(name, file)); err != nil {
			return err
		}
	}
	return c.tree(filepath.Join(name, ".git"), noLocks)
}

// tree copies all that is at a name and below it, except what leave names.
func (c *copier) tree(name string, leave func(name string) bool) error {
	info, err := c.from.Lstat(name)
	if err != nil {
		return c.unless(err, name)
	}
	if c.ours(name) || leave != nil && leave(name) {
		return nil
	}
	if !info.IsDir() {
		return c.entry(name, info)
	}
	if err := c.directory(name); err != nil {
		return err
	}
	dir, err := c.from.Open(name)
	if err != nil {
		return c.unless(err, name)
	}
	entries, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil {
		return c.unless(err, name)
	}
	for _, entry := range entries {
		if err := c.tree(filepath.Join(name, entry.Name()), leave); err != nil {
			return err
		}
	}
	return nil
}

// entry copies a file or a link.
func (c *copier) entry(name string, info fs.FileInfo) error {
	if err := c.ctx.Err(); err != nil {
		return context.Cause(c.ctx)
	}
	if err := c.directory(filepath.Dir(name)); err != nil {
		return err
	}
	switch {
	case info.Mode().IsRegular():
		return c.file(name, info)
	case info.Mode()&fs.ModeSymlink != 0:
		return c.link(name)
	}
	c.skipped++
	return nil
}

func (c *copier) link(name string) error {
	target, err := c.from.Readlink(name)
	if err != nil {
		return c.unless(err, name)
	}
	if err := c.to.Symlink(target, name); err != nil {
		return err
	}
	c.files++
	return c.executor.own(c.to, name)
}

// file copies content, mode and time of change.
func (c *copier) file(name string, info fs.FileInfo) error {
	in, err := c.from.OpenFile(name, os.O_RDONLY|notBlocking, 0)
	if err != nil {
		return c.unless(err, name)
	}
	defer in.Close()
	out, err := c.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	c.files++
	c.bytes += n
	if err := c.executor.own(c.to, name); err != nil {
		return err
	}
	if err := c.to.Chmod(name, info.Mode().Perm()); err != nil {
		return err
	}
	return c.to.Chtimes(name, info.ModTime(), info.ModTime())
}

// directory makes a directory with its parents, as open as the source's.
func (c *copier) directory(name string) error {
	if c.made[name] {
		return nil
	}
	if err := c.directory(filepath.Dir(name)); err != nil {
		return err
	}
	info, err := c.from.Lstat(name)
	if err != nil {
		return c.unless(err, name)
	}
	if err := c.to.Mkdir(name, 0o700); err != nil {
		return err
	}
	c.made[name] = true
	if err := c.executor.own(c.to, name); err != nil {
		return err
	}
	return c.to.Chmod(name, info.Mode().Perm()|0o700)
}

// unless passes an error of the source on, unless it is that a file has gone
// meanwhile, or that this user may not read it: such files are named and left out.
func (c *copier) unless(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	const most = 10
	if len(c.unreadable) < most {
		c.unreadable = append(c.unreadable, strings.ToValidUTF8(name, "?"))
	}
	return nil
}

// size spells a number of bytes.
func size(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", n, units[0])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
