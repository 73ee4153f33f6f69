//go:build linux || darwin

package reexec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multirunner/helpers/process"
	"multirunner/helpers/sigmask"
)

// Supported tells whether Replace can work here.
const Supported = true

// Replace runs a program in place of this one. It returns only when that
// failed, and then nothing has changed. The new program has the files of keep
// open under their numbers, see Adopt. SIGUSR2 waits for it, if it comes in
// between.
func Replace(p Program, keep []*os.File) error {
	// A process that is started meanwhile must not get the files.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	defer func() {
		for _, file := range keep {
			_, _ = unix.FcntlInt(file.Fd(), unix.F_SETFD, unix.FD_CLOEXEC)
		}
	}()
	for _, file := range keep {
		if _, err := unix.FcntlInt(file.Fd(), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("keep %s open: %w", file.Name(), err)
		}
	}
	err := sigmask.Block([]syscall.Signal{syscall.SIGUSR2}, func() error { return syscall.Exec(p.Path, p.Args, p.Env) })
	return &os.PathError{Op: "exec", Path: p.Path, Err: err}
}

// Adopt gives a file that Replace has kept. What this process starts does not
// get it.
func Adopt(fd int, name string) (*os.File, error) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("inherited file %d (%s): %w", fd, name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Reap waits for children that the program before started, since nobody else
// does. It returns when all have ended or ctx is done, and gives those that
// are left.
func Reap(ctx context.Context, children []Child) []Child {
	look := time.NewTicker(reapLook)
	defer look.Stop()
	for {
		var left []Child
		for _, c := range children {
			if !reap(c) {
				left = append(left, c)
			}
		}
		if children = left; len(children) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return children
		case <-look.C:
		}
	}
}

// reap tells whether a child is gone for good. Its number is its own until
// then; one that was reaped before may have given it to another.
func reap(c Child) bool {
	if start, err := process.StartTime(c.PID); err != nil || start != c.Start {
		return true
	}
	for {
		pid, err := unix.Wait4(c.PID, nil, unix.WNOHANG, nil)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || pid == c.PID
		}
	}
}
