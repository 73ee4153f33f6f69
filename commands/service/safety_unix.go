//go:build unix

package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"multirunner/helpers/process"
)

// Account is whom a service runs as.
type Account struct {
	user *process.User
}

// LookupAccount finds a user of this machine; an empty name means root.
func LookupAccount(name string) (Account, error) {
	if name == "" {
		name = "root"
	}
	u, err := process.LookupUser(name)
	if err != nil {
		return Account{}, fmt.Errorf("--user: %w: make the user first (useradd --system --create-home %s)", err, name)
	}
	return Account{u}, nil
}

// Name is the user's.
func (a Account) Name() string { return a.user.Name }

// IsRoot tells whether what runs as this user may do anything.
func (a Account) IsRoot() bool { return a.user.UID == 0 }

// CheckProtected refuses a file that somebody else than root and the account
// can change or replace: they could decide what the service does.
func (a Account) CheckProtected(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, start := range slices.Compact([]string{path, resolved}) {
		for p := start; ; p = filepath.Dir(p) {
			if err := a.checkOne(p); err != nil {
				if p != path {
					return fmt.Errorf("%s is not safe there: %w", path, err)
				}
				return err
			}
			if p == filepath.Dir(p) {
				break
			}
		}
	}
	return nil
}

// checkOne looks at a file or directory itself.
func (a Account) checkOne(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if stat.Uid != 0 && stat.Uid != a.user.UID {
		return fmt.Errorf("%s belongs to user %s, who could change what runs as %s: give it to root, or put the file elsewhere", path, userName(stat.Uid), a.Name())
	}
	mode := info.Mode()
	if mode.IsDir() && mode&fs.ModeSticky != 0 {
		return nil // others cannot replace what is not theirs
	}
	if mode&0o002 != 0 {
		return fmt.Errorf("%s can be written by everybody, who could change what runs as %s: chmod o-w %s", path, a.Name(), path)
	}
	if mode&0o020 != 0 && !a.trustsGroup(stat.Gid) {
		return fmt.Errorf("%s can be written by group %s, who could change what runs as %s: chmod g-w %s", path, groupName(stat.Gid), a.Name(), path)
	}
	return nil
}

// trustsGroup tells whether the members of a group may do what the account
// may: groups of administrators, and the account's own group.
func (a Account) trustsGroup(gid uint32) bool {
	if gid == 0 || gid == a.user.GID {
		return true
	}
	// Debian's group for /usr/local, and those of macOS and the BSDs.
	return slices.Contains([]string{"staff", "wheel", "admin"}, groupName(gid))
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.FormatUint(uint64(gid), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

// CheckReadable refuses a file that the account cannot read, and CheckRunnable
// a program that it cannot start. Only root can ask that for another user.
func (a Account) CheckReadable(ctx context.Context, path string) error {
	return a.check(ctx, path, "-r", "read")
}

func (a Account) CheckRunnable(ctx context.Context, path string) error {
	return a.check(ctx, path, "-x", "run")
}

func (a Account) check(ctx context.Context, path, test, verb string) error {
	if a.may(ctx, test, path) {
		return nil
	}
	// The directory that is closed, if it is one, is what has to be mended.
	closed := path
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if !a.may(ctx, "-x", dir) {
			closed = dir
		}
	}
	if closed != path {
		return fmt.Errorf("user %s cannot %s %s, since %s is closed to it: give it the right to enter (chown or chmod), or put the file elsewhere", a.Name(), verb, path, closed)
	}
	return fmt.Errorf("user %s cannot %s %s: give it the right (chown %s %s)", a.Name(), verb, path, a.Name(), path)
}

// may asks the system, by a process of the user's, so that every rule it has
// counts.
func (a Account) may(ctx context.Context, test, path string) bool {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `test "$1" "$2"`, "sh", test, path)
	cmd.Dir, cmd.Env = "/", []string{}
	if !a.user.IsSelf() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.user.UID, Gid: a.user.GID, Groups: a.user.Groups}}
	}
	return cmd.Run() == nil
}

// MakeStateDir makes the state directory for the account, or sees that one
// that is there will do. open lets other users through to what is theirs in
// it, as jobs that run as another user need.
func (a Account) MakeStateDir(ctx context.Context, dir string, open bool) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := makeParents(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	case err != nil:
		return fmt.Errorf("state directory: %w", err)
	case !info.IsDir():
		return fmt.Errorf("state directory: %s is not a directory", dir)
	default:
		if err := a.checkStateDir(dir, info); err != nil {
			return err
		}
	}
	if err := a.CheckProtected(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := a.check(ctx, filepath.Dir(dir), "-x", "enter"); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	mode := fs.FileMode(0o700)
	if open {
		mode = 0o711
	}
	for _, d := range []string{dir, filepath.Join(dir, "builds")} {
		if err := a.makeDir(d, mode); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	return nil
}

// makeParents makes directories that everybody may enter, whatever the umask.
func makeParents(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		if err := makeParents(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// checkStateDir refuses a directory whose mode and owner are not ours to set.
func (a Account) checkStateDir(dir string, info fs.FileInfo) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	known := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "builds" || e.Name() == "lock" })
	if len(entries) > 0 && !known {
		return fmt.Errorf("state directory: %s has other things in it: name an empty directory, or one that does not exist, with --working-directory", dir)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && len(entries) > 0 && stat.Uid != a.user.UID {
		return fmt.Errorf("state directory: %s belongs to user %s, and the service runs as %s: give it over (chown -R %s %s), or name another with --working-directory",
			dir, userName(stat.Uid), a.Name(), a.Name(), dir)
	}
	return nil
}

func (a Account) makeDir(dir string, mode fs.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// A link in the directory of another user must not lead us astray.
	handle, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := handle.Chmod(mode); err != nil {
		return err
	}
	return handle.Chown(int(a.user.UID), int(a.user.GID))
}
