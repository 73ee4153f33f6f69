package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"multirunner/helpers/mounts"
)

// cgroup is a directory of a cgroup v2 hierarchy. No controllers are enabled
// in it: it only says who belongs together, and the kernel kills it as one.
type cgroup struct {
	path  string
	dir   *os.File
	tried chan struct{} // closed when spent is known
	spent atomic.Bool   // nothing can be started in it
}

// newCgroup makes a cgroup below the one of this process.
func newCgroup(name string) (*cgroup, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("make a cgroup: %q is not a name", name)
	}
	own, err := ownCgroup()
	if err != nil {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	path := filepath.Join(own, name)
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	dir, err := os.Open(path)
	if err != nil {
		_ = os.Remove(path)
		return nil, fmt.Errorf("make a cgroup: %w", err)
	}
	return &cgroup{path: path, dir: dir, tried: make(chan struct{})}, nil
}

// ownCgroup gives the directory of this process's cgroup in the v2 hierarchy,
// wherever that is mounted.
func ownCgroup() (string, error) {
	member, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	path, ok := cgroupPath(member)
	if !ok {
		return "", errors.New("this system has no cgroup v2 hierarchy")
	}
	list, err := mounts.List()
	if err != nil {
		return "", err
	}
	for _, m := range list {
		if m.Type != "cgroup2" {
			continue
		}
		if rel, err := filepath.Rel(m.Root, path); err == nil && filepath.IsLocal(rel) {
			return filepath.Join(m.Point, rel), nil
		}
	}
	return "", fmt.Errorf("no mounted cgroup v2 hierarchy shows %s", path)
}

// cgroupPath finds the v2 line of /proc/PID/cgroup: "0::/path".
func cgroupPath(data []byte) (string, bool) {
	for line := range strings.Lines(string(data)) {
		path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		if ok && strings.HasPrefix(path, "/") {
			return path, true
		}
	}
	return "", false
}

// move puts a process into the cgroup that could not be started there. Children
// that it already has stay outside.
func (g *cgroup) move(pid int) {
	_ = os.WriteFile(filepath.Join(g.path, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
}

// killPass kills all members, in cgroups below it too, and gives those that it
// found. whole kills the cgroup as one, where the kernel can (5.14).
func (g *cgroup) killPass(whole bool) []Info {
	if !g.populated() {
		return nil
	}
	if whole {
		g.spent.Store(true)
		whole = os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0) == nil
	}
	var found []Info
	for _, pid := range g.pids() {
		p, err := readStat(pid)
		if err != nil || p.dead() {
			continue
		}
		if !whole {
			err = killExactly(pid, p.start)
		}
		found = append(found, Info{PID: pid, Name: p.name, start: p.start, denied: errors.Is(err, unix.EPERM)})
	}
	return found
}

// populated tells whether a living process is in the cgroup or below it.
func (g *cgroup) populated() bool {
	data, err := os.ReadFile(filepath.Join(g.path, "cgroup.events"))
	return err == nil && bytes.Contains(data, []byte("populated 1"))
}

func (g *cgroup) pids() []int {
	var pids []int
	_ = filepath.WalkDir(g.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil
		}
		data, _ := os.ReadFile(path)
		for _, field := range bytes.Fields(data) {
			// A member that is invisible here, in another PID namespace, reads as 0.
			if pid, err := strconv.Atoi(string(field)); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// close removes the cgroup and those that its processes made below it. It must
// have no living members.
func (g *cgroup) close(ctx context.Context) error {
	if g.dir != nil {
		g.dir.Close()
	}
	// A member that was killed counts until it has let go of everything.
	for pause := time.Millisecond; g.populated(); pause = min(2*pause, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove cgroup %s: processes are left in it", g.path)
		case <-time.After(pause):
		}
	}
	if err := removeCgroups(g.path); err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}

// removeCgroups removes a directory tree of a cgroup file system, where files
// go with their directory.
func removeCgroups(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if entry.IsDir() {
			err = errors.Join(err, removeCgroups(filepath.Join(path, entry.Name())))
		}
	}
	if rmErr := unix.Rmdir(path); rmErr != nil && rmErr != unix.ENOENT {
		err = errors.Join(err, &fs.PathError{Op: "rmdir", Path: path, Err: rmErr})
	}
	return err
}

// KillCgroup ends every process in a cgroup that UseCgroup gave, possibly to
// another process, and removes it. One that is gone already is no error. It
// refuses a directory that is no cgroup, and the cgroup that this process is in.
func KillCgroup(ctx context.Context, path string) error {
	var stat unix.Statfs_t
	switch err := unix.Statfs(path, &stat); {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return fmt.Errorf("kill cgroup %s: %w", path, err)
	case stat.Type != unix.CGROUP2_SUPER_MAGIC:
		return fmt.Errorf("kill cgroup %s: this is not a cgroup v2 directory", path)
	}
	if own, err := ownCgroup(); err == nil {
		if rel, err := filepath.Rel(path, own); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("kill cgroup %s: this process is in it", path)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	g := &cgroup{path: path}
	left, _ := untilGone(ctx, func() ([]Info, error) { return g.killPass(true), nil })
	if len(left) > 0 {
		return fmt.Errorf("kill cgroup %s: these processes did not end: %s", path, describe(left))
	}
	return g.close(ctx)
}
