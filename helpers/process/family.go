// Package process starts commands, reads their output, ends them, and finds
// what they left running.
//
// A Family is the set of commands of one owner and all that descends from
// them. Each command runs in a process group of its own (a job object on
// Windows), so that signals reach what it started. On Linux a Family can also
// become the parent of orphans (BecomeSubreaper) and keep its processes in a
// cgroup (UseCgroup); then nothing that a command leaves behind escapes KillAll.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// killPatience is how long SIGKILL may take to work on processes: one that
// sleeps in the kernel on a dead disk goes when the disk answers, or never.
const killPatience = 10 * time.Second

// outputPatience is how long output may stay open once all known processes are
// gone: somebody outside, a daemon that was handed the descriptor, may hold it.
const outputPatience = 2 * time.Second

// singly is how many passes kill processes one by one before a cgroup is killed
// as a whole. The latter cannot be outrun, but leaves a cgroup that nothing can
// be started in (see tryCgroup).
const singly = 5

// Family starts commands and knows what became of them. The methods are safe
// for concurrent use. The zero value is not usable: NewFamily.
type Family struct {
	// fork is read-locked from before a command is started until it is in
	// running, and write-locked while strangers are reaped: a command of ours
	// must not be taken for one.
	fork sync.RWMutex

	// late is held while a Late writer is written to: one at a time.
	late sync.Mutex

	// buffers are what the output of commands is read into: a job may have
	// hundreds of short ones.
	buffers sync.Pool

	mu      sync.Mutex
	running map[int]*Command      // by pid, not waited for yet
	reading map[*Command]struct{} // whose output is not closed yet
	groups  map[*Command]struct{} // whose process group may have members
	adopted bool                  // orphans come to this process
	reaper  *Reaper
	cgroup  *cgroup
}

// NewFamily gives a Family without commands.
func NewFamily() *Family {
	return &Family{
		running: map[int]*Command{},
		reading: map[*Command]struct{}{},
		groups:  map[*Command]struct{}{},
	}
}

// BecomeSubreaper makes this process the parent of every orphan among its
// descendants, reaps those that end, and lets KillAll end *every* descendant
// of this process. So it is for a process that has no other children than the
// family's: a job process calls it once, before it starts anything. Elsewhere
// than on Linux it gives errors.ErrUnsupported and changes nothing.
func (f *Family) BecomeSubreaper() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.adopted {
		return nil
	}
	if err := setSubreaper(true); err != nil {
		return fmt.Errorf("become the parent of orphaned processes: %w", err)
	}
	f.adopted = true
	f.reaper = startReaper(f.owns, &f.fork)
	return nil
}

// IsSubreaper tells whether KillAll reaches every descendant of this process.
func (f *Family) IsSubreaper() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.adopted
}

// UseCgroup makes a cgroup of that name below this process's own and starts
// all later commands in it. It gives the directory, which KillCgroup takes
// should this process die before Close. It gives an error when there is no
// cgroup v2 hierarchy that this process may write to: the family works without.
func (f *Family) UseCgroup(name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cgroup != nil {
		return "", errors.New("the commands have a cgroup already: " + f.cgroup.path)
	}
	group, err := newCgroup(name)
	if err != nil {
		return "", err
	}
	f.cgroup = group
	go func() {
		defer close(group.tried)
		f.tryCgroup(group)
	}()
	return group.path, nil
}

// tryCgroup finds out whether commands live in a cgroup. Linux 6.14 and later
// kill what is started into a cgroup unless that was killed as a whole just as
// often as the one of this process. A process that lives comes as far as
// finding that there is no such program.
func (f *Family) tryCgroup(group *cgroup) {
	f.fork.RLock()
	defer f.fork.RUnlock()
	cmd, err := startCmd(Options{Path: filepath.Join(group.path, "no program")}, &output{}, group)
	if err == nil {
		_ = cmd.Wait() // it was killed
	}
	if !errors.Is(err, fs.ErrNotExist) {
		group.spent.Store(true)
	}
}

// usableCgroup gives the cgroup that commands can be started in, or nil.
func (f *Family) usableCgroup() *cgroup {
	f.mu.Lock()
	group := f.cgroup
	f.mu.Unlock()
	if group == nil {
		return nil
	}
	<-group.tried
	if group.spent.Load() {
		return nil
	}
	return group
}

// Close ends what still runs, removes the cgroup, and stops reaping. Orphans no
// longer come to this process. The family cannot be used any more.
func (f *Family) Close(ctx context.Context) error {
	err := f.KillAll(ctx)
	f.mu.Lock()
	group, reaper, adopted := f.cgroup, f.reaper, f.adopted
	f.cgroup, f.reaper, f.adopted = nil, nil, false
	f.mu.Unlock()
	if reaper != nil {
		reaper.Close()
	}
	if adopted {
		err = errors.Join(err, setSubreaper(false))
	}
	if group != nil {
		err = errors.Join(err, group.close(ctx))
	}
	return err
}

// KillAll ends, with SIGKILL, every command that still runs and every process
// that commands left behind, and returns when they are gone and their output
// is written. It gives up on processes that do not go within 10 s or until ctx
// is done, and names them. Calling it again is harmless.
//
// What it reaches: everything in the cgroup; every descendant of this process
// after BecomeSubreaper; else the process groups of the commands and what
// descends from those. SweepEnv finds more.
func (f *Family) KillAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, killPatience)
	defer cancel()
	f.usableCgroup() // it must not be found unusable because of what follows
	passes := 0
	left, err := untilGone(ctx, func() ([]Info, error) {
		passes++
		return f.killPass(passes > singly)
	})
	f.awaitExits(ctx)
	f.awaitOutput(ctx)
	f.forgetGroups()
	if err != nil {
		return fmt.Errorf("end the processes that are left: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("these processes did not end: %s", describe(left))
	}
	return nil
}

// untilGone kills, by pass, until nothing is found, ctx is done, or all that is
// left may not be killed. It gives what is left.
func untilGone(ctx context.Context, pass func() ([]Info, error)) ([]Info, error) {
	const longest = 50 * time.Millisecond
	pause := time.Millisecond
	var before []Info
	for {
		left, err := pass()
		if err != nil {
			return nil, err
		}
		left = append(left, stillAlive(before, left)...)
		if len(left) == 0 || pause == longest && allDenied(left) {
			return left, nil
		}
		before = left
		select {
		case <-ctx.Done():
			return left, nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// stillAlive gives those of an earlier pass that the later one did not find,
// and that live on for a moment: once its parent is dead, a process that was
// found as a descendant is nobody's.
func stillAlive(before, now []Info) []Info {
	found := map[int]bool{}
	for _, p := range now {
		found[p.PID] = true
	}
	var list []Info
	for _, p := range before {
		if p.start != 0 && !found[p.PID] && Alive(p.PID, p.start) {
			list = append(list, p)
		}
	}
	return list
}

// awaitExits returns when the commands that were running are waited for, so
// that their status is known and no zombie of ours is left.
func (f *Family) awaitExits(ctx context.Context) {
	f.mu.Lock()
	running := slices.Collect(maps.Values(f.running))
	f.mu.Unlock()
	for _, c := range running {
		select {
		case <-c.exited:
		case <-ctx.Done():
			return
		}
	}
}

// awaitOutput returns when all output is read, and closes what stays open.
func (f *Family) awaitOutput(ctx context.Context) {
	f.mu.Lock()
	reading := slices.Collect(maps.Keys(f.reading))
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, outputPatience)
	defer cancel()
	for _, c := range reading {
		select {
		case <-c.drained:
			continue
		case <-ctx.Done():
		}
		c.output.abandon(c.drained)
	}
}

// forgetGroups drops the groups without members: their numbers may be used
// again by others.
func (f *Family) forgetGroups() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.groups {
		f.forget(c)
	}
}

// forget drops the group of a command unless it has members. It is called with
// mu held.
func (f *Family) forget(c *Command) {
	if _, ok := f.groups[c]; !ok || c.running() || c.group.alive() {
		return
	}
	delete(f.groups, c)
	c.group.close()
}

// forgetEmpty drops the groups that ended since somebody looked. It is cheap
// enough for every start, and keeps what a long job remembers in bounds.
func (f *Family) forgetEmpty() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.groups {
		if !c.running() && !c.group.exists() {
			delete(f.groups, c)
			c.group.close()
		}
	}
}

// owns tells whether a child is a command that somebody waits for.
func (f *Family) owns(pid int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.running[pid]
	return ok
}

// Info names a process in an error.
type Info struct {
	PID    int
	Name   string
	start  uint64 // 0: PID is not a process's
	denied bool   // this process may not kill it
}

func allDenied(list []Info) bool {
	for _, p := range list {
		if !p.denied {
			return false
		}
	}
	return true
}

func describe(list []Info) string {
	const most = 10
	var b strings.Builder
	for i, p := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d (%s)", p.PID, p.Name)
		if p.denied {
			b.WriteString(" of another user")
		}
	}
	return b.String()
}
