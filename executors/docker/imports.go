package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
)

// imported is a directory of this machine that is shown to the job's commands.
type imported struct {
	once sync.Once
	path string // there
	err  error
}

// Import implements common.Importer: by hard links where both directories are
// on one file system, else by copies.
func (e *Executor) Import(ctx context.Context, dir string) (string, error) {
	if !e.inside {
		return dir, nil
	}
	dir = filepath.Clean(dir)
	e.mu.Lock()
	if !e.started {
		e.mu.Unlock()
		return "", errNotPrepared
	}
	i := e.imports[dir]
	if i == nil {
		i = &imported{path: path.Join(jobActions, fmt.Sprintf("%d-%s", len(e.imports)+1, repositoryName(filepath.ToSlash(dir))))}
		e.imports[dir] = i
	}
	e.mu.Unlock()
	i.once.Do(func() {
		i.err = showTree(ctx, dir, filepath.Join(e.place.build, actionsDir), path.Base(i.path))
	})
	return i.path, i.err
}

// showTree makes a directory below another one that has the files of a tree.
// Links stay links; neither directory is left through one.
func showTree(ctx context.Context, source, parent, name string) error {
	from, err := os.OpenRoot(source)
	if err != nil {
		return err
	}
	defer from.Close()
	above, err := os.OpenRoot(parent)
	if err != nil {
		return err
	}
	defer above.Close()
	if err := makeOpen(above, name); err != nil {
		return err
	}
	to, err := above.OpenRoot(name)
	if err != nil {
		return err
	}
	defer to.Close()
	t := tree{ctx: ctx, from: from, to: to, source: source, target: filepath.Join(parent, name)}
	return fs.WalkDir(from.FS(), ".", t.entry)
}

// tree is a copy under way.
type tree struct {
	ctx            context.Context
	from, to       *os.Root
	source, target string
	copying        bool // links cannot be made
}

func (t *tree) entry(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	switch d.Type() {
	case fs.ModeDir:
		if name == "." {
			return nil
		}
		return makeOpen(t.to, name)
	case fs.ModeSymlink:
		link, err := t.from.Readlink(name)
		if err != nil {
			return err
		}
		return t.to.Symlink(link, name)
	case 0:
		return t.file(name)
	}
	return nil // an action has no use for pipes and devices
}

// file makes a hard link: the container has the directory read-only. Both trees
// are the runner's alone.
func (t *tree) file(name string) error {
	if !t.copying {
		err := os.Link(filepath.Join(t.source, name), filepath.Join(t.target, name))
		if err == nil {
			return nil
		}
		if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		t.copying = true // another file system, or one without links
	}
	in, err := t.from.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := t.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644|info.Mode().Perm()&0o111)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(0o644 | info.Mode().Perm()&0o111) // the umask may have taken bits
	}
	return errors.Join(err, out.Close())
}
