package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"multirunner/common"
)

// endPatience is what a container may take to end a cancelled command, beside
// the gaps: 10 s after the kill, 5 s for output that stays open, and some more.
const endPatience = 30 * time.Second

// run is a command that runs.
type run struct {
	queue          *queue
	stdout, stderr *sink
	end            *ended // set before the queue's last signal
}

type ended struct {
	status common.ExitStatus
	err    error
}

// Run runs a command to its end, as common.Executor says: relative directories
// and paths start at the workspace, a bare name is looked up in the PATH of
// Env. Commands may run concurrently. Each writer is written to by the calling
// goroutine; Late by one goroutine for all commands.
func (c *Client) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	status, err := c.run(ctx, cmd)
	if err != nil {
		return common.ExitStatus{}, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return status, nil
}

func (c *Client) run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	message := start{
		path: cmd.Path, args: cmd.Args, env: cmd.Env, dir: cmd.Dir,
		stdout: cmd.Stdout != nil, stderr: cmd.Stderr != nil,
		joined: sameWriter(cmd.Stdout, cmd.Stderr), late: cmd.Late != nil,
	}.encode()
	if len(message) > maxMessage {
		return common.ExitStatus{}, fmt.Errorf("%w: %s: hand over large values in files", syscall.E2BIG, sizes(cmd.Env))
	}
	if err := c.Err(); err != nil {
		return common.ExitStatus{}, err
	}
	if ctx.Err() != nil {
		return unstarted(context.Cause(ctx)), nil
	}
	r := &run{queue: newQueue(runWindow), stdout: sinkFor(cmd.Stdout), stderr: sinkFor(cmd.Stderr)}
	id, err := c.register(r, sinkFor(cmd.Late))
	if err != nil {
		return common.ExitStatus{}, err
	}
	if err := c.post(ctx, kindStart, id, message); err != nil {
		c.forget(id)
		if c.Err() == nil {
			return unstarted(context.Cause(ctx)), nil
		}
		return common.ExitStatus{}, err
	}
	over := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { c.watch(ctx, id, r, cmd.Kill, over) })
	end := c.follow(id, r)
	close(over)
	watcher.Wait()
	return end.status, end.err
}

func sinkFor(w io.Writer) *sink {
	if w == nil {
		return nil
	}
	return &sink{w}
}

func (c *Client) register(r *run, late *sink) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	id := c.newID()
	c.runs[id] = r
	if late != nil {
		c.lates[id] = late
	}
	return id, nil
}

// forget is for a command that was not sent.
func (c *Client) forget(id uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.runs, id)
	delete(c.lates, id)
}

// follow writes the output of a command until it has ended.
func (c *Client) follow(id uint32, r *run) ended {
	w := writer{queue: r.queue, ack: func(cost int) { c.ack(id, cost) }}
	for {
		for w.write() {
		}
		if end := c.ending(r); end != nil {
			w.write() // came between
			return *end
		}
		select {
		case <-r.queue.ready:
		case <-c.done:
			for w.write() {
			}
			if end := c.ending(r); end != nil {
				return *end
			}
			return ended{err: c.Err()}
		}
	}
}

func (c *Client) ending(r *run) *ended {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.end
}

// progress takes a frame of a command. It is called with mu held.
func (c *Client) progress(r *run, f frame) error {
	switch f.kind {
	case kindStdout, kindStderr:
		to := r.stdout
		if f.kind == kindStderr {
			to = r.stderr
		}
		if to == nil || len(f.payload) == 0 {
			return violation("output (%v) that is not wanted", f.kind)
		}
		return r.queue.push(to, f.payload)
	case kindExit:
		x, err := decodeExit(f.payload)
		if err != nil {
			return err
		}
		if x.drained {
			delete(c.lates, f.id)
		}
		r.end = &ended{status: common.ExitStatus{Code: x.code, Signal: x.signal}}
	case kindFailed:
		remote, err := decodeError(f.payload)
		if err != nil {
			return err
		}
		delete(c.lates, f.id)
		r.end = &ended{err: remote}
	default:
		return violation("a frame (%v) of a command", f.kind)
	}
	delete(c.runs, f.id)
	r.queue.mu.Lock()
	r.queue.signal()
	r.queue.mu.Unlock()
	return nil
}

// watch has a command ended when ctx is done. A container that does not end it
// for long is given up.
func (c *Client) watch(ctx context.Context, id uint32, r *run, kill <-chan struct{}, over <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-over:
		return
	}
	var e encoder
	e.flag(errors.Is(context.Cause(ctx), common.ErrKill))
	if c.post(context.Background(), kindCancel, id, e) != nil {
		return
	}
	patience := c.o.Graceful + c.o.Force + endPatience
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-over:
			return
		case <-kill:
			kill = nil
			if c.post(context.Background(), kindHurry, id, nil) != nil {
				return
			}
		case <-timer.C:
			if r.queue.empty() {
				c.fail(fmt.Errorf("it did not end a cancelled command within %v", patience))
				return
			}
			timer.Reset(patience) // it waits for the writers of this side
		}
	}
}

// unstarted is the status of a command that was cancelled before it started:
// that of one that was so right after.
func unstarted(cause error) common.ExitStatus {
	if errors.Is(cause, common.ErrKill) {
		return common.ExitStatus{Code: -1, Signal: "killed"}
	}
	return common.ExitStatus{Code: -1, Signal: "interrupt"}
}

// sizes tells how large an environment is and what makes it so.
func sizes(env []string) string {
	total, largest := 0, ""
	for _, kv := range env {
		total += len(kv) + 1
		if len(kv) > len(largest) {
			largest = kv
		}
	}
	name, _, _ := strings.Cut(largest, "=")
	return fmt.Sprintf("the environment has %d bytes, %d of them in %s", total, len(largest), name)
}

// sameWriter compares two writers; ones that cannot be compared differ.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a != nil && a == b
}
