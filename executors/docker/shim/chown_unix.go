//go:build unix

package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Chown gives directories and all that is below them to a user. Links are given
// away themselves, not what they lead to. A file that has other names keeps its
// owner: one of them may be somebody else's, and whoever owns the directory can
// remove this one anyhow. Files that go meanwhile are no error; after another
// error it goes on.
func Chown(uid, gid int, dirs ...string) error {
	o := owner{uid: uid, gid: gid}
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			o.faults = append(o.faults, err)
			continue
		}
		o.directory(root)
	}
	if o.faults != nil {
		return fmt.Errorf("change the owner of files: %w", errors.Join(o.faults...))
	}
	return nil
}

// owner goes through a tree by open directories, so that nothing that is put in
// its way leads it elsewhere.
type owner struct {
	uid, gid int
	faults   []error
}

// fault keeps the first errors: the rest is likely of one kind.
func (o *owner) fault(err error) {
	const most = 5
	if len(o.faults) < most && !errors.Is(err, fs.ErrNotExist) {
		o.faults = append(o.faults, err)
	}
}

// directory closes the directory that it is given.
func (o *owner) directory(dir *os.Root) {
	defer dir.Close()
	if err := dir.Lchown(".", o.uid, o.gid); err != nil {
		o.fault(err)
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		o.fault(err)
	}
	for _, entry := range entries {
		o.entry(dir, entry.Name())
	}
}

func (o *owner) entry(dir *os.Root, name string) {
	info, err := dir.Lstat(name)
	if err != nil {
		o.fault(err)
		return
	}
	if info.IsDir() {
		below, err := dir.OpenRoot(name)
		if err != nil {
			o.fault(err)
			return
		}
		o.directory(below)
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Nlink > 1 {
		return
	}
	if err := dir.Lchown(name, o.uid, o.gid); err != nil {
		o.fault(err)
	}
}
