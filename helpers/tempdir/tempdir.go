// Package tempdir writes and reads files below a directory in which somebody
// else may put anything.
package tempdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"multirunner/helpers/process"
)

// Dir is a directory that is held open: whatever is put in its place, this is
// the one. All methods are safe for concurrent use.
type Dir struct {
	anchor string
	name   string
	user   *process.User

	mu   sync.Mutex
	root *os.Root // nil once closed
}

// Open opens the directory name below anchor. anchor is a directory in whose
// place nobody can put another. Files will belong to user; nil is this
// process's own.
func Open(anchor, name string, user *process.User) (*Dir, error) {
	root, err := os.OpenRoot(filepath.Join(anchor, name))
	if err != nil {
		return nil, err
	}
	return &Dir{anchor: anchor, name: name, user: user, root: root}, nil
}

// Close lets go of the directory; from then on errors are os.ErrClosed. Calling
// it again is harmless.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	root := d.root
	d.root = nil
	if root == nil {
		return nil
	}
	return root.Close()
}

func (d *Dir) opened() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil {
		return nil, os.ErrClosed
	}
	return d.root, nil
}

// Write writes a file that only the user may read, and gives its path. name is
// relative and slash-separated; missing directories are made. What is there
// already is replaced, not written into: it may be a link that somebody has
// planted. The directory itself is made again when it was removed.
func (d *Dir) Write(name string, data []byte) (string, error) {
	root, err := d.openFor(name)
	if err == nil {
		err = d.write(root, filepath.FromSlash(name), data)
	}
	// In a directory that was removed nothing can be made any more.
	if errors.Is(err, fs.ErrNotExist) {
		if root, err = d.renew(); err == nil {
			err = d.write(root, filepath.FromSlash(name), data)
		}
	}
	if err != nil {
		return "", fmt.Errorf("write %q below the temp directory: %w", name, err)
	}
	return filepath.Join(d.anchor, d.name, filepath.FromSlash(name)), nil
}

// renew makes and opens the directory again. What is there now must be a
// directory, and no link to one.
func (d *Dir) renew() (*os.Root, error) {
	anchor, err := os.OpenRoot(d.anchor)
	if err != nil {
		return nil, err
	}
	defer anchor.Close()
	if err := MakeDirectory(anchor, d.name, 0o700, d.user); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	looked, err := lookWithoutLinks(anchor, d.name)
	if err != nil {
		return nil, err
	}
	root, err := anchor.OpenRoot(d.name)
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
	return d.exchange(root)
}

// exchange puts a new directory in place of the old one.
func (d *Dir) exchange(root *os.Root) (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil {
		root.Close()
		return nil, os.ErrClosed
	}
	d.root.Close()
	d.root = root
	return root, nil
}

func (d *Dir) write(root *os.Root, name string, data []byte) error {
	file, err := d.createNew(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.makeParents(root, name); err != nil {
			return err
		}
		file, err = d.createNew(root, name)
	}
	if errors.Is(err, fs.ErrExist) {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
		file, err = d.createNew(root, name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// createNew makes a file of the user.
func (d *Dir) createNew(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := own(file, d.user); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (d *Dir) makeParents(root *os.Root, name string) error {
	for i, c := range name {
		if c != filepath.Separator {
			continue
		}
		err := MakeDirectory(root, name[:i], 0o700, d.user)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Read reads a regular file of at most limit bytes. Links are not followed.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	root, err := d.openFor(name)
	if err != nil {
		return nil, fmt.Errorf("read %q below the temp directory: %w", name, err)
	}
	data, err := d.read(root, filepath.FromSlash(name), limit)
	if err != nil {
		return nil, fmt.Errorf("read %q below the temp directory: %w", name, err)
	}
	return data, nil
}

// read compares what it has opened with what it has looked at: an open root
// lets nothing out of the directory, but does follow links inside of it.
func (d *Dir) read(root *os.Root, name string, limit int64) ([]byte, error) {
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
	case !trusted(opened, d.user):
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

// openFor gives the directory for a name that stays in it.
func (d *Dir) openFor(name string) (*os.Root, error) {
	if name == "" || path.Clean(name) != name || !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return nil, errors.New("the name is not one of a file below the directory")
	}
	return d.opened()
}

// MakeDirectory makes a directory and gives it to a user, as Open says. What
// somebody puts in its place meanwhile is not given away, unless it is a
// directory too.
func MakeDirectory(root *os.Root, name string, mode fs.FileMode, user *process.User) error {
	if err := root.Mkdir(name, mode); err != nil {
		return err
	}
	return ownDirectory(root, name, user)
}
