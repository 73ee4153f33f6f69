// Package rmtree removes directory trees that others have filled, perhaps with
// bad intent.
package rmtree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"multirunner/helpers/mounts"
)

// attempts and pause bound the removal of a tree that somebody still writes to.
const (
	attempts = 5
	pause    = 20 * time.Millisecond // doubled from attempt to attempt
)

// Remove removes a directory and all that is below it, also directories that
// are read-only to their owner. Symbolic links are removed, never followed.
// What is mounted below it is unmounted; where that is not possible the mount
// stays, its files are not touched, and the error names it. A directory that
// does not exist is no error. After an error it has removed all it could.
func Remove(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for i := range attempts {
		if i > 0 {
			time.Sleep(pause << (i - 1))
		}
		if err = remove(dir); err == nil {
			return nil
		}
	}
	return err
}

func remove(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return os.Remove(dir)
	}
	kept, err := detachBelow(dir)
	if err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	// The plain way is the fast one, but it goes through mount points.
	if len(kept) == 0 && os.RemoveAll(dir) == nil {
		return nil
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	r := &remover{kept: kept}
	r.directory(parent, filepath.Base(dir), resolved(dir))
	return r.err()
}

// detachBelow unmounts what is mounted at dir or below and gives what is left.
func detachBelow(dir string) ([]string, error) {
	points, err := mounts.Below(dir)
	if err != nil || len(points) == 0 {
		return nil, err
	}
	slices.Reverse(points) // the last one may be mounted on an earlier one
	for _, point := range points {
		_ = mounts.Detach(point) // what is left is looked at below
	}
	return mounts.Below(dir)
}

// resolved is dir as the list of mounts spells it.
func resolved(dir string) string {
	if path, err := filepath.EvalSymlinks(dir); err == nil {
		return path
	}
	return dir
}

// remover goes through a tree by open directories, so that nothing that is put
// in its way leads it elsewhere.
type remover struct {
	kept   []string // mount points
	faults []error
	more   int // faults that are only counted
}

// directory removes a directory in parent. path is its name in errors.
func (r *remover) directory(parent *os.Root, name, path string) {
	if slices.Contains(r.kept, path) {
		r.fault(fmt.Errorf("%s is mounted and cannot be unmounted by this user: unmount it, then remove it", path))
		return
	}
	// The owner may have taken his own rights away. Without them the rest
	// fails, and says so.
	_ = parent.Chmod(name, 0o700)
	r.content(parent, name, path)
	r.entry(parent, name)
}

func (r *remover) content(parent *os.Root, name, path string) {
	dir, err := parent.OpenRoot(name)
	if err != nil {
		r.fault(err)
		return
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		r.fault(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			r.directory(dir, e.Name(), filepath.Join(path, e.Name()))
		} else {
			r.entry(dir, e.Name())
		}
	}
}

func (r *remover) entry(parent *os.Root, name string) {
	err := parent.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return
	}
	// Of a directory that is not empty the fault is told already.
	if len(r.faults) > 0 && isNotEmpty(err) {
		return
	}
	r.fault(fmt.Errorf("%s: %w", filepath.Join(parent.Name(), name), err))
}

func (r *remover) fault(err error) {
	const most = 5
	if len(r.faults) == most {
		r.more++
		return
	}
	r.faults = append(r.faults, err)
}

func (r *remover) err() error {
	if r.more > 0 {
		return errors.Join(append(r.faults, fmt.Errorf("and %d more", r.more))...)
	}
	return errors.Join(r.faults...)
}
