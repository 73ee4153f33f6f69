package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/moby/api/types/mount"

	"multirunner/common"
)

// Missing is a mount of something in a directory of the job that was not there
// when the container was asked for.
type Missing struct {
	Own  string // the Host of a Directory
	Rest string // below it

	volume *common.Volume
	mount  *mount.Mount
}

// isOwn tells whether a path is in a directory of the job.
func (m *maker) isOwn(p string) bool {
	_, ok := m.ownOf(p)
	return ok
}

// ownOf gives the directory of the job that a path is in.
func (m *maker) ownOf(p string) (dir string, ok bool) {
	slashed := filepath.ToSlash(p)
	for _, own := range m.o.Own {
		if own.Host != "" && (within(slashed, filepath.ToSlash(own.Host)) || within(slashed, m.resolved(own.Host))) {
			return own.Host, true
		}
	}
	return "", false
}

// mountLater tells whether a source is the job's own and not there, and keeps
// its mount for MountMissing then: the job's files may come before the
// container does, and links with them.
func (m *maker) mountLater(missing Missing, source string) bool {
	dir, own := m.ownOf(source)
	if !own {
		return false
	}
	if _, err := m.o.Resolve(source); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, root := range []string{filepath.FromSlash(dir), filepath.FromSlash(m.resolved(dir))} {
		if rest, err := filepath.Rel(root, source); err == nil && filepath.IsLocal(rest) {
			missing.Own, missing.Rest = dir, rest
		}
	}
	m.out.Missing = append(m.out.Missing, missing)
	return true
}

// MountMissing adds the mounts of Missing, and makes the directories that are
// still not there. It is called once the job's own directories are as its first
// step will find them, before anything of the job runs. No link leads out of
// them: the container may only be made when there is no error.
func (c *Create) MountMissing() error {
	for _, missing := range c.Missing {
		source, err := missing.source()
		switch {
		case err != nil:
			return fmt.Errorf("%s in the job's own directories, which a container is to have: %w", shown(missing.Rest), err)
		case missing.volume != nil:
			v := *missing.volume
			v.Source = source
			c.Host.Binds = append(c.Host.Binds, bindOf(v))
		case missing.mount != nil:
			mounted := *missing.mount
			mounted.Source = source
			c.Host.Mounts = append(c.Host.Mounts, mounted)
		}
	}
	c.Missing = nil
	return nil
}

// source gives the path to mount, links followed.
func (m Missing) source() (string, error) {
	root, err := os.OpenRoot(m.Own)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if _, err = root.Stat(m.Rest); errors.Is(err, fs.ErrNotExist) {
		if err = root.MkdirAll(m.Rest, 0o755); err == nil {
			_, err = root.Stat(m.Rest)
		}
	}
	if err != nil {
		return "", err
	}
	source, err := filepath.EvalSymlinks(filepath.Join(m.Own, m.Rest))
	if err == nil && hasColon(source) {
		err = errors.New("leads to a path with a colon, which cannot be mounted")
	}
	return source, err
}
