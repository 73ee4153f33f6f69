package process

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// reapGrace is how long a zombie that nobody has claimed is left alone. It may
// be the child of other code in this process, which waits for it right now.
const reapGrace = time.Second

// waitDelay is what code that waits for an owned child is given, before
// somebody looks who it is that has ended. Looking takes /proc entries of this
// process's threads, which the kernel then has to remove as the process ends.
const waitDelay = 10 * time.Millisecond

// Reaper waits for children that nobody in this process started: orphans that
// came to a subreaper, or children from before this process replaced its
// program. It peeks first, and never takes the status of an owned child.
type Reaper struct {
	owned func(pid int) bool
	fork  *sync.RWMutex
	stop  chan struct{}
	done  chan struct{}
	seen  map[int]time.Time // zombies that are not owned, since when
}

// StartReaper reaps every child that ended, that owned does not claim and that
// nobody else waited for within a second. A nil owned claims none.
func StartReaper(owned func(pid int) bool) *Reaper {
	if owned == nil {
		owned = func(int) bool { return false }
	}
	return startReaper(owned, new(sync.RWMutex))
}

// startReaper looks at children only while it holds fork: see Family.fork.
func startReaper(owned func(pid int) bool, fork *sync.RWMutex) *Reaper {
	r := &Reaper{
		owned: owned,
		fork:  fork,
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		seen:  map[int]time.Time{},
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		defer close(r.done)
		defer signal.Stop(ended)
		r.run(ended)
	}()
	return r
}

// Close returns when reaping has ended. It is called once.
func (r *Reaper) Close() {
	close(r.stop)
	<-r.done
}

func (r *Reaper) run(ended <-chan os.Signal) {
	again := time.NewTimer(0) // some may have ended before the first signal
	defer again.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ended:
			if anyEnded() {
				again.Reset(waitDelay)
			}
		case <-again.C:
			if r.look(time.Now()) {
				again.Reset(reapGrace)
			}
		}
	}
}

// look reaps what is due and tells whether some zombies are left for later.
func (r *Reaper) look(now time.Time) bool {
	if !anyEnded() {
		clear(r.seen)
		return false
	}
	pids, err := childPIDs()
	if err != nil {
		return true
	}
	seen := map[int]time.Time{}
	for _, pid := range pids {
		since, left := r.examine(pid, now)
		if left {
			seen[pid] = since
		}
	}
	r.seen = seen
	return len(seen) > 0
}

// examine reaps a child that is due, and tells since when one that is not has
// been waiting.
func (r *Reaper) examine(pid int, now time.Time) (since time.Time, left bool) {
	r.fork.Lock()
	defer r.fork.Unlock()
	if r.owned(pid) || !ended(pid) {
		return time.Time{}, false
	}
	since, ok := r.seen[pid]
	if !ok {
		return now, true
	}
	if now.Sub(since) < reapGrace {
		return since, true
	}
	_, err := unix.Wait4(pid, nil, unix.WNOHANG, nil)
	return since, err == unix.EINTR
}

// anyEnded tells whether a child has ended that nobody has waited for.
func anyEnded() bool {
	ended, _ := peekChildren()
	return ended
}

// hasChildren tells whether this process has a child, be it a zombie.
func hasChildren() bool {
	_, err := peekChildren()
	return err != unix.ECHILD
}

// peekChildren tells whether some child has ended; all stay waitable.
func peekChildren() (ended bool, err error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil && info.Signo != 0, err
		}
	}
}

// ended peeks: the child stays waitable.
func ended(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

func setSubreaper(on bool) error {
	value := uintptr(0)
	if on {
		value = 1
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0)
}
