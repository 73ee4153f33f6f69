// Package atomicfile writes whole files so that a reader, or the next start
// after a crash, sees the old content or the new one and nothing between.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Write replaces the file's content, durably: it returns when content and
// name are on disk. A file that exists keeps its mode and owner; a new one
// gets perm, whatever the umask. A symbolic link is followed, not replaced.
//
// Where the file cannot be replaced but can be written (a single file mounted
// into a container, a directory of somebody else) it is written in place; only
// then a crash may leave it half written.
func Write(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, true)
}

// WriteNoSync is Write without the wait for the disk: after a power cut the
// old content, or none, may be there.
func WriteNoSync(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, false)
}

func write(path string, data []byte, perm fs.FileMode, sync bool) error {
	path, err := followLinks(path)
	if err != nil {
		return err
	}
	old, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if old != nil {
		if !old.Mode().IsRegular() {
			return fmt.Errorf("write %s: not a regular file", path)
		}
		perm = old.Mode().Perm()
	}
	err = replace(path, old, data, perm, sync)
	if old != nil && mustStay(err) {
		return overwrite(path, data, sync)
	}
	return err
}

// errOwner means that a new file could not be given the old one's owner.
var errOwner = errors.New("cannot keep the owner")

// mustStay tells whether the file has to stay the one it is.
func mustStay(err error) bool {
	return errors.Is(err, errOwner) ||
		errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) || // a mount point
		errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) // its directory is not ours
}

func replace(path string, old fs.FileInfo, data []byte, perm fs.FileMode, sync bool) (err error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	// CreateTemp makes it 0600, so that no secret is readable meanwhile.
	temp, err := os.CreateTemp(dir, "."+base+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			temp.Close() // twice is harmless
			os.Remove(temp.Name())
		}
	}()
	if _, err := temp.Write(data); err != nil {
		return err
	}
	if old != nil {
		if err := keepOwner(temp, old); err != nil {
			return fmt.Errorf("%s: %w: %w", path, errOwner, err)
		}
	}
	if err := chmod(temp, perm); err != nil {
		return err
	}
	if sync {
		if err := temp.Sync(); err != nil {
			return err
		}
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	if sync {
		// The content is in place: a failure here does not undo that, but the
		// promise of durability is not kept.
		if err := syncDir(dir); err != nil {
			return fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	return nil
}

// overwrite writes over the old bytes and cuts the rest off, so that a disk
// without room can be given the old content back.
func overwrite(path string, data []byte, sync bool) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	before, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if err := put(file, data); err != nil {
		return errors.Join(err, put(file, before))
	}
	if sync {
		return file.Sync()
	}
	return nil
}

func put(file *os.File, data []byte) error {
	if _, err := file.WriteAt(data, 0); err != nil {
		return err
	}
	return file.Truncate(int64(len(data)))
}

// followLinks gives the path that the last element of a path leads to, which
// need not exist.
func followLinks(path string) (string, error) {
	const limit = 40 // as Linux does
	for range limit {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("write %s: too many symbolic links", path)
}
