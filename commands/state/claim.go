package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"multirunner/common"
	"multirunner/helpers/flock"
	"multirunner/helpers/rmtree"
)

// claimVersion is the version of claim.json; this program reads this one and
// the one before.
const claimVersion = 1

const claimName = "claim.json"

// ErrSeen is the refusal of a task that was claimed before: it is running, or
// it has ended. What has ended never starts again.
var ErrSeen = errors.New("task was claimed before")

// ErrNoClaim says that a job directory holds no whole claim: whoever made it
// ended before the claim was synced, so nothing was started.
var ErrNoClaim = errors.New("the claim was never completed")

// Claim is a task that a server has given to this runner, durable on disk. It
// holds no secrets.
type Claim struct {
	V      int       `json:"v"`
	URL    string    `json:"url"`
	UUID   string    `json:"uuid"`
	TaskID int64     `json:"task_id"`
	Time   time.Time `json:"time"`

	key  string
	lock *flock.Lock
}

// Key names the claim's directories.
func (c *Claim) Key() string { return c.key }

// Registration is whose claim it is.
func (c *Claim) Registration() common.RegistrationID {
	return common.RegistrationID{URL: common.NormalizeURL(c.URL), UUID: c.UUID}
}

// Lock is held by whoever looks after the job: the supervisor until it has
// passed the descriptor to the job process. Nil for a claim of a living job
// of an earlier supervisor.
func (c *Claim) Lock() *flock.Lock { return c.lock }

// Claim makes a task ours: when it returns, the claim is on disk and synced,
// and its lock is held. ErrSeen when it is not new.
func (d *Dir) Claim(url, uuid string, taskID int64, at time.Time) (*Claim, error) {
	c := &Claim{V: claimVersion, URL: url, UUID: uuid, TaskID: taskID, Time: at, key: JobKey(url, taskID)}
	if d.ended.contains(c.key) {
		return nil, ErrSeen
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("claim of task %d: %w", taskID, err)
	}
	if done, err := d.claimSpare(c, data); done {
		if errors.Is(err, ErrSeen) {
			return nil, ErrSeen
		}
		if err != nil {
			return nil, fmt.Errorf("claim of task %d: %w", taskID, err)
		}
		d.countClaim(c.Registration())
		return c, nil
	}
	dir := d.Dirs(c.key).Job
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, ErrSeen
		}
		return nil, fmt.Errorf("claim of task %d: %w", taskID, err)
	}
	lock, err := flock.TryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("claim of task %d: %w", taskID, errors.Join(err, os.RemoveAll(dir)))
	}
	c.lock = lock
	if err := writeSynced(dir, claimName, data); err != nil {
		return nil, fmt.Errorf("claim of task %d: %w", taskID, errors.Join(err, lock.Unlock(), os.RemoveAll(dir)))
	}
	d.countClaim(c.Registration())
	return c, nil
}

// writeSynced puts a file in a new directory. Nobody reads it before the lock is
// free, so no temporary file is needed: one write, one sync of the file and one
// of each directory, at the same time: a file system with a journal commits it
// once for all of them.
func writeSynced(dir, name string, data []byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	var syncs sync.WaitGroup
	var inner, outer error
	syncs.Go(func() { inner = syncDir(dir) })
	syncs.Go(func() { outer = syncDir(filepath.Dir(dir)) })
	err = f.Sync()
	syncs.Wait()
	return errors.Join(err, inner, outer, f.Close())
}

// Probe tells whether a claim could be made now: it does what Claim does, and
// undoes it. What a crash leaves of it is a directory without a claim.
func (d *Dir) Probe() error {
	dir, err := os.MkdirTemp(filepath.Join(d.root, "jobs"), "probe-")
	if err == nil {
		err = errors.Join(writeSynced(dir, "probe", []byte("probe\n")), os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("no task can be kept: %w", err)
	}
	return nil
}

// Left is a job directory that an earlier supervisor left.
type Left struct {
	Key   string
	Claim *Claim // nil when claim.json is missing or cannot be read: the task was never ours for sure
	Alive bool   // its job process lives: it holds the lock
	Err   error  // why Claim is nil
}

// Leftovers lists the job directories of earlier supervisors. The lock of
// each that is not alive is held by its claim from now on. What is left of
// tasks that have ended is removed.
func (d *Dir) Leftovers() ([]Left, error) {
	entries, err := os.ReadDir(filepath.Join(d.root, "jobs"))
	if err != nil {
		return nil, err
	}
	var left []Left
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if l := d.leftover(entry.Name()); l != nil {
			left = append(left, *l)
		}
	}
	return left, nil
}

// leftover gives nil for what it has removed.
func (d *Dir) leftover(key string) *Left {
	dir := d.Dirs(key).Job
	lock, err := flock.TryLock(filepath.Join(dir, "lock"))
	if err != nil && !errors.Is(err, flock.ErrLocked) {
		d.noteForeign(err)
		return &Left{Key: key, Err: err}
	}
	if lock != nil && d.ended.contains(key) {
		// A crash came while it was removed: what is missing of it says nothing.
		if err := errors.Join(lock.Unlock(), d.Discard(key)); err != nil {
			return &Left{Key: key, Err: fmt.Errorf("the task has ended: %w", err)}
		}
		return nil
	}
	l := &Left{Key: key, Alive: err != nil}
	l.Claim, l.Err = readClaim(dir)
	if l.Err == nil && JobKey(l.Claim.URL, l.Claim.TaskID) != key {
		l.Claim, l.Err = nil, fmt.Errorf("claim.json in %s is of another task", key)
	}
	if l.Claim == nil {
		d.noteForeign(l.Err)
		if lock != nil {
			l.Err = errors.Join(l.Err, lock.Unlock())
		}
		return l
	}
	l.Claim.key, l.Claim.lock = key, lock
	d.countClaim(l.Claim.Registration())
	return l
}

// noteForeign keeps what claims need that this program cannot read.
func (d *Dir) noteForeign(err error) {
	if !errors.Is(err, ErrNoClaim) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.foreign = true
	}
}

func readClaim(dir string) (*Claim, error) {
	path := filepath.Join(dir, claimName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoClaim
	}
	if err != nil {
		return nil, err
	}
	c := new(Claim)
	err = common.DecodeVersioned(path, data, claimVersion, c)
	var version *common.VersionError
	if err != nil && !errors.As(err, &version) {
		err = fmt.Errorf("%w: %w", ErrNoClaim, err)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Finish removes what there is of a job. The task is remembered as ended
// before its directory goes, so that it never starts again. Call it once.
func (d *Dir) Finish(c *Claim) error {
	if err := d.ended.add(c.key); err != nil {
		return err
	}
	dirs := d.Dirs(c.key)
	var err error
	if c.lock != nil {
		err = c.lock.Unlock() // before: Windows removes no open file
	}
	return errors.Join(err, os.RemoveAll(dirs.Job), rmtree.Remove(dirs.Build), d.dropCredential(c.Registration()))
}

// Discard removes a job directory whose claim was never complete.
func (d *Dir) Discard(key string) error {
	dirs := d.Dirs(key)
	return errors.Join(os.RemoveAll(dirs.Job), rmtree.Remove(dirs.Build))
}

// SweepBuilds removes build directories that no job directory belongs to, as a
// crash between the removal of the two leaves them. It is for a start: a job
// directory is made before its build directory.
func (d *Dir) SweepBuilds() error {
	entries, err := os.ReadDir(filepath.Join(d.root, "builds"))
	if err != nil {
		return err
	}
	var all error
	for _, entry := range entries {
		dirs := d.Dirs(entry.Name())
		if _, err := os.Lstat(dirs.Job); errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, rmtree.Remove(dirs.Build))
		}
	}
	return all
}

// Claimed tells whether the task is claimed, or has ended here before.
func (d *Dir) Claimed(url string, taskID int64) bool {
	key := JobKey(url, taskID)
	if d.ended.contains(key) {
		return true
	}
	_, err := os.Lstat(d.Dirs(key).Job)
	return err == nil
}

// HandOver gives the lock to a job process that was started with its file:
// the lock is that process's alone from now on.
func (c *Claim) HandOver() error {
	err := c.lock.Close()
	c.lock = nil
	return err
}

// Retake takes the lock back once its job process is gone. The error is
// flock.ErrLocked while the process lives.
func (d *Dir) Retake(c *Claim) error {
	lock, err := flock.TryLock(filepath.Join(d.Dirs(c.key).Job, "lock"))
	if err != nil {
		return err
	}
	c.lock = lock
	return nil
}
