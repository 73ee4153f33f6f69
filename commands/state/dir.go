// Package state is the supervisor's directory on disk: its lock, the claims
// of tasks, credentials, request keys, and the memory of what has ended. The
// layout is in docs/architecture.md; every file here is 0600. Directories are
// 0700; where root runs jobs as other users, those on the way to their build
// directories can be passed through by all, and listed by none.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"multirunner/common"
	"multirunner/helpers/diskspace"
	"multirunner/helpers/flock"
)

// lockName is the file whose lock the process holds that has the directory open.
const lockName = "lock"

// Dir is an open state directory. One process has it open at a time. All
// methods are safe for concurrent use.
type Dir struct {
	root  string
	lock  *flock.Lock
	ended *endedList

	mu          sync.Mutex
	credentials map[common.RegistrationID]Credential // as they are on disk
	keys        map[common.RegistrationID]string     // request keys as they are on disk
	claims      map[common.RegistrationID]int        // how many are on disk
	served      map[common.RegistrationID]bool       // by the configuration
	foreign     bool                                 // there is a claim that this program cannot read

	free func(dir string) (uint64, error) // space

	marking sync.Mutex // of spent registrations

	sparing sync.Mutex
	spares  []*spare
}

// InUseError says that another process has the state directory open.
type InUseError struct {
	Root string
	PID  int // 0 when it could not be read
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("state directory %s is in use by %s: one runner serves one state directory; stop it, or give this one its own with --working-directory", e.Root, who)
}

// DefaultRoot is the directory used when neither the configuration nor the
// command line names one.
func DefaultRoot(getenv func(string) string, asRoot bool) (string, error) {
	if asRoot {
		return "/var/lib/runner", nil
	}
	if dir := getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "runner"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no state directory: %w; set state_dir or --working-directory", err)
	}
	return filepath.Join(home, ".local", "state", "runner"), nil
}

// Open makes the directory if need be and takes its lock. An *InUseError
// tells that another process has it.
func Open(root string) (*Dir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := makeDirs(root, os.Geteuid() == 0); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lockPath := filepath.Join(root, lockName)
	lock, err := flock.TryLock(lockPath)
	if errors.Is(err, flock.ErrLocked) {
		return nil, &InUseError{Root: root, PID: readPID(lockPath)}
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	d, err := load(root, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return d, nil
}

// load reads what is in a directory whose lock is held.
func load(root string, lock *flock.Lock) (*Dir, error) {
	d := &Dir{
		root: root, lock: lock, credentials: map[common.RegistrationID]Credential{},
		keys: map[common.RegistrationID]string{}, claims: map[common.RegistrationID]int{}, free: diskspace.Free,
	}
	if err := writePID(lock.File()); err != nil {
		return nil, err
	}
	if err := d.resetSpares(); err != nil {
		return nil, err
	}
	var err error
	if d.ended, err = openEnded(filepath.Join(root, "ended")); err != nil {
		return nil, err
	}
	return d, nil
}

// makeDirs makes what is missing; what is there keeps its mode. The tool cache
// is made by the executor, for its user.
func makeDirs(root string, asRoot bool) error {
	passable := fs.FileMode(0o700)
	if asRoot {
		passable = 0o711
	}
	for _, dir := range []struct {
		name string
		mode fs.FileMode
	}{{"", passable}, {"builds", passable}, {"actions", passable}, {"credentials", 0o700}, {"keys", 0o700}, {"jobs", 0o700}} {
		path := filepath.Join(root, dir.name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(path, dir.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, dir.mode); err != nil { // the umask may have taken bits
			return err
		}
	}
	return nil
}

// Close gives the directory up.
func (d *Dir) Close() error {
	return errors.Join(d.dropSpares(), d.ended.close(), d.lock.Unlock())
}

// roomMin is the space that a job's claim, and what it reports, must find.
const roomMin = 16 << 20

// Room gives a *common.NoRoomError when there is too little space for another
// job. It costs one system call.
func (d *Dir) Room() error {
	free, err := d.free(d.root)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.root, err)
	}
	if free < roomMin {
		return &common.NoRoomError{Reason: fmt.Sprintf("%d MiB are free in %s, what a job reports wants %d", free>>20, d.root, roomMin>>20)}
	}
	return nil
}

// Root is the directory's absolute path.
func (d *Dir) Root() string { return d.root }

// Dirs are the paths of one job.
func (d *Dir) Dirs(key string) common.JobDirs {
	return common.JobDirs{
		Job:     filepath.Join(d.root, "jobs", key),
		Build:   filepath.Join(d.root, "builds", key),
		Actions: filepath.Join(d.root, "actions"),
		Tools:   filepath.Join(d.root, "tools"),
	}
}

// JobKey names the directories of a task: server hash and task id.
func JobKey(instanceURL string, taskID int64) string {
	return common.ServerHash(instanceURL) + "-" + strconv.FormatInt(taskID, 10)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}
