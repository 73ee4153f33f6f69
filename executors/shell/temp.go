package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// WriteTemp implements common.Executor. What is there already is replaced, not
// written into: it may be a link that the job has planted.
func (e *Executor) WriteTemp(_ context.Context, name string, data []byte) (string, error) {
	root, err := e.openTemp(name)
	if err == nil {
		err = e.writeTemp(root, filepath.FromSlash(name), data)
	}
	// In a directory that was removed nothing can be made any more.
	if errors.Is(err, fs.ErrNotExist) {
		if root, err = e.renewTemp(); err == nil {
			err = e.writeTemp(root, filepath.FromSlash(name), data)
		}
	}
	if err != nil {
		return "", fmt.Errorf("write %q below the temp directory: %w", name, err)
	}
	return filepath.Join(e.paths.Temp, filepath.FromSlash(name)), nil
}

// renewTemp makes and opens the temp directory again after the job has removed
// it. What is there now must be a directory, and no link to one.
func (e *Executor) renewTemp() (*os.Root, error) {
	build := e.spec.Dirs.Build
	parent, err := os.OpenRoot(filepath.Dir(build))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	name := filepath.Join(filepath.Base(build), filepath.Base(e.paths.Temp))
	if err := e.makeDirectory(parent, name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	looked, err := lookWithoutLinks(parent, name)
	if err != nil {
		return nil, err
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && (!looked.IsDir() || !os.SameFile(looked, opened)) {
		err = errors.New("the temp directory was replaced")
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return e.exchangeTemp(root)
}

// exchangeTemp puts a new temp directory in place of the old one.
func (e *Executor) exchangeTemp(root *os.Root) (*os.Root, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.temp == nil {
		root.Close()
		return nil, errNotPrepared
	}
	e.temp.Close()
	e.temp = root
	return root, nil
}

func (e *Executor) writeTemp(root *os.Root, name string, data []byte) error {
	file, err := e.createNew(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := e.makeParents(root, name); err != nil {
			return err
		}
		file, err = e.createNew(root, name)
	}
	if errors.Is(err, fs.ErrExist) {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		file, err = e.createNew(root, name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// createNew makes a file of the job's user.
func (e *Executor) createNew(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := e.ownOpen(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (e *Executor) makeParents(root *os.Root, name string) error {
	for i, c := range name {
		if c != filepath.Separator {
			continue
		}
		dir := name[:i]
		err := root.Mkdir(dir, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := e.ownDirectory(root, dir); err != nil {
			return err
		}
	}
	return nil
}

// ReadTemp implements common.Executor.
func (e *Executor) ReadTemp(_ context.Context, name string, limit int64) ([]byte, error) {
	root, err := e.openTemp(name)
	if err != nil {
		return nil, fmt.Errorf("read %q below the temp directory: %w", name, err)
	}
	data, err := e.readTemp(root, filepath.FromSlash(name), limit)
	if err != nil {
		return nil, fmt.Errorf("read %q below the temp directory: %w", name, err)
	}
	return data, nil
}

// readTemp compares what it has opened with what it has looked at: an open root
// lets nothing out of the directory, but does follow links inside of it.
func (e *Executor) readTemp(root *os.Root, name string, limit int64) ([]byte, error) {
	looked, err := lookWithoutLinks(root, name)
	if err != nil {
		return nil, err
	}
	if !looked.Mode().IsRegular() {
		return nil, fmt.Errorf("it is %s, not a regular file", kind(looked.Mode()))
	}
	if looked.Size() == 0 {
		return nil, nil // as most files are that steps may hand back
	}
	file, err := root.OpenFile(name, os.O_RDONLY|notBlocking, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	opened, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !os.SameFile(looked, opened):
		return nil, errors.New("it was replaced while it was opened")
	case !e.trusted(opened):
		return nil, errors.New("it is a link to a file of another user")
	case opened.Size() > limit:
		return nil, fmt.Errorf("it has %d bytes, %d are allowed", opened.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than the %d bytes that are allowed", limit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// lookWithoutLinks tells what a name is, when no part of its path is a link.
func lookWithoutLinks(root *os.Root, name string) (fs.FileInfo, error) {
	for i, c := range name {
		if c != filepath.Separator {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%s is %s, not a directory", name[:i], kind(info.Mode()))
		}
	}
	return root.Lstat(name)
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode.IsRegular():
		return "a file"
	}
	return "something else"
}

// openTemp gives the temp directory for a name that stays in it.
func (e *Executor) openTemp(name string) (*os.Root, error) {
	if name == "" || path.Clean(name) != name || !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return nil, errors.New("the name is not one of a file below the directory")
	}
	return e.opened()
}
