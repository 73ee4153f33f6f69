package assembly

import (
	"context"
	"errors"
	"time"

	"multirunner/commands/control"
	"multirunner/commands/state"
	"multirunner/commands/supervisor"
	"multirunner/commands/upgrade"
	"multirunner/helpers/reexec"
)

// memoryLook is how often Hold looks for reports that are in memory only.
const memoryLook = 100 * time.Millisecond

// Unsettled is what an upgrade waits for.
type Unsettled struct {
	supervisor.Unsettled
	Unkept int // reports that could not be kept on disk
}

// Hold is the supervisor's; it waits for reports as well that would be lost
// with this program.
func (r *Runner) Hold(ctx context.Context, tell func(Unsettled)) error {
	err := r.supervisor.Hold(ctx, func(u supervisor.Unsettled) { tell(Unsettled{u, r.launcher.InMemory()}) })
	if err != nil {
		return err
	}
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	for told := 0; ; {
		unkept := r.launcher.InMemory()
		switch {
		case unkept == 0:
			return nil
		case r.supervisor.Phase() != supervisor.Running:
			r.supervisor.Release()
			return supervisor.ErrStopping
		case unkept != told:
			tell(Unsettled{Unkept: unkept})
		}
		told = unkept
		select {
		case <-look.C:
		case <-ctx.Done():
			r.supervisor.Release()
			return context.Cause(ctx)
		}
	}
}

// Release ends what Hold began.
func (r *Runner) Release() { r.supervisor.Release() }

// Leave makes Run return supervisor.ErrLeft, after a successful Hold. After an
// error the runner goes on as if nothing had been held.
func (r *Runner) Leave() (err error) {
	defer func() {
		if err != nil {
			r.supervisor.Release()
		}
	}()
	// First, so that no command is told of a runner that ends. Who connects now
	// waits.
	if err := r.detach(); err != nil {
		return err
	}
	if err := r.supervisor.Leave(); err != nil {
		return errors.Join(err, r.listenAgain())
	}
	return nil
}

// detach makes who connects wait.
func (r *Runner) detach() error {
	r.talking.Lock()
	defer r.talking.Unlock()
	if r.control == nil {
		return nil
	}
	socket, err := r.control.Detach()
	if err == nil {
		r.control, r.socket = nil, socket
	}
	return err
}

// listenAgain undoes detach.
func (r *Runner) listenAgain() (err error) {
	r.talking.Lock()
	defer r.talking.Unlock()
	socket := r.socket
	r.socket = nil
	switch {
	case socket == nil:
		return nil
	case r.closed:
		return socket.Close()
	}
	if r.control, err = control.Inherit(r.state.Root(), socket, r.controller, r.log); err != nil {
		r.control = nil
	}
	return err
}

// hangUp ends the talking for good.
func (r *Runner) hangUp() error {
	r.talking.Lock()
	defer r.talking.Unlock()
	r.closed = true
	if r.control == nil {
		return nil
	}
	return r.control.Close()
}

// Left is what Run has left to the next program, after supervisor.ErrLeft.
func (r *Runner) Left() *upgrade.Handover { return r.left }

// handOver ends everything but the jobs, the lock and the socket.
func (r *Runner) handOver() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	r.sender.Close(now) // every request may be repeated
	given := r.launcher.HandOver()
	r.talking.Lock()
	defer r.talking.Unlock()
	lock, err := r.state.Detach()
	r.left = &upgrade.Handover{
		Lock: lock, Control: r.socket, Children: append(r.reaper.stop(), given.Children...), Runtimes: given.Runtimes,
	}
	return err
}

// openState opens the state directory, with the lock that was inherited if
// there is one.
func openState(root string, in *upgrade.Handover) (*state.Dir, error) {
	if in.Lock == nil {
		return state.Open(root)
	}
	return state.Inherit(root, in.Lock)
}

// reaper waits for the children of the program before.
type reaper struct {
	cancel context.CancelFunc
	left   chan []reexec.Child
}

func startReaper(children []reexec.Child) *reaper {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reaper{cancel: cancel, left: make(chan []reexec.Child, 1)}
	go func() { r.left <- reexec.Reap(ctx, children) }()
	return r
}

// stop gives the children that still run. Call it once.
func (r *reaper) stop() []reexec.Child {
	r.cancel()
	return <-r.left
}
