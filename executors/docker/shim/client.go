package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"sync"
	"time"
)

// ClientOptions are what the commands of a container have in common.
type ClientOptions struct {
	// Temp is the directory of WriteTemp and ReadTemp, as the container sees
	// it. The first process opens it at once and keeps to that.
	Temp string
	// Workspace is where relative directories and paths start.
	Workspace string
	// Graceful and Force are the gaps after an interrupt and a terminate.
	Graceful, Force time.Duration
}

// GoneError tells that the connection to a container has ended: it was stopped,
// its first process died, the engine is away, or the container sent what it
// must not. Everything that runs in it is to be taken for lost.
type GoneError struct{ Err error }

func (e *GoneError) Error() string { return "the container is gone: " + e.Err.Error() }
func (e *GoneError) Unwrap() error { return e.Err }

// errClosed is why a client is gone that was closed.
var errClosed = errors.New("the connection was closed")

// Client runs commands in a container. All methods are safe for concurrent use.
// When the connection breaks, those that run return a *GoneError.
type Client struct {
	rw    io.ReadWriteCloser
	o     ClientOptions
	hello Hello

	out    chan []byte // frames, to the goroutine that writes
	late   *queue
	done   chan struct{} // closed by fail
	owners sync.WaitGroup

	mu    sync.Mutex
	err   error
	next  uint32
	calls map[uint32]*call
	runs  map[uint32]*run
	lates map[uint32]*sink // of commands whose output is not closed yet
}

// Dial takes up the connection to a container whose first process is the shim,
// and returns when that has opened the temp directory. It owns rw from then on:
// Close, or a fault, closes it, which must end pending reads and writes. An
// error of the start is a *GoneError or, when the container refuses, a
// *RemoteError; rw is closed then.
func Dial(ctx context.Context, rw io.ReadWriteCloser, o ClientOptions) (*Client, error) {
	c := &Client{
		rw: rw, o: o,
		out:   make(chan []byte, 16),
		late:  newQueue(lateWindow),
		done:  make(chan struct{}),
		calls: map[uint32]*call{},
		runs:  map[uint32]*run{},
		lates: map[uint32]*sink{},
	}
	greeted := make(chan struct{})
	c.owners.Go(func() { c.read(greeted) })
	c.owners.Go(c.send)
	c.owners.Go(c.writeLate)
	if err := c.open(ctx, greeted); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to the shim in the container: %w", err)
	}
	return c, nil
}

func (c *Client) open(ctx context.Context, greeted <-chan struct{}) error {
	select {
	case <-greeted:
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		return fmt.Errorf("it does not answer: %w", context.Cause(ctx))
	}
	_, err := c.call(ctx, kindOpen, open{
		temp: c.o.Temp, workspace: c.o.Workspace, graceful: c.o.Graceful, force: c.o.Force,
	}.encode(), maxReply)
	return err
}

// Hello is what the container has told of itself.
func (c *Client) Hello() Hello { return c.hello }

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the connection stands, then a *GoneError.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection, upon which the container kills everything and
// stops. It returns when no goroutine is left and no writer is written to any
// more. Calling it again is harmless.
func (c *Client) Close() error {
	c.fail(errClosed)
	c.owners.Wait()
	return nil
}

// fail ends the connection for the first reason that is given.
func (c *Client) fail(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = &GoneError{Err: reason}
	close(c.done)
	_ = c.rw.Close()
	for _, call := range c.calls {
		call.finish(nil, c.err)
	}
	clear(c.calls)
	clear(c.runs) // these look whether the connection stands
	clear(c.lates)
}

// send owns the writing.
func (c *Client) send() {
	for {
		select {
		case frame := <-c.out:
			if _, err := c.rw.Write(frame); err != nil {
				c.fail(fmt.Errorf("write to it: %w", err))
				return
			}
		case <-c.done:
			return
		}
	}
}

// post hands frames of a message to the goroutine that writes. ctx counts until
// the first one is taken: a message is sent whole or not at all.
func (c *Client) post(ctx context.Context, k kind, id uint32, message []byte) error {
	return cut(k, id, message, func(frame []byte) error {
		select {
		case c.out <- frame:
			ctx = context.WithoutCancel(ctx)
			return nil
		case <-c.done:
			return c.Err()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// writeLate owns the writing of late output, one writer at a time.
func (c *Client) writeLate() {
	w := writer{queue: c.late, ack: func(cost int) { c.ack(0, cost) }}
	for {
		if w.write() {
			continue
		}
		select {
		case <-c.late.ready:
		case <-c.done:
			w.write()
			return
		}
	}
}

// ack gives room for output back; the error is that the connection has ended.
func (c *Client) ack(id uint32, cost int) {
	var e encoder
	e.uint(uint64(cost))
	_ = c.post(context.Background(), kindAck, id, e)
}

// read owns the reading. It waits for nobody: what arrives is queued.
func (c *Client) read(greeted chan<- struct{}) {
	err := c.readAll(greeted)
	if errors.Is(err, io.EOF) {
		err = errors.New("it has ended")
	}
	c.fail(err)
}

func (c *Client) readAll(greeted chan<- struct{}) error {
	r := newFrameReader(c.rw)
	f, err := r.next()
	var broken *ProtocolError
	switch {
	case errors.As(err, &broken) || err == nil && (f.kind != kindHello || f.id != 0):
		return violation("it does not begin with a greeting: something else is the first process")
	case err != nil:
		return err
	}
	if c.hello, err = decodeHello(f.payload); err != nil {
		return err
	}
	close(greeted)
	for {
		f, err := r.next()
		if err != nil {
			return err
		}
		if err := c.dispatch(f); err != nil {
			return err
		}
	}
}

func (c *Client) dispatch(f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err // nothing is queued once those who write have been told
	}
	if call, ok := c.calls[f.id]; ok {
		return c.answer(call, f)
	}
	if sink, ok := c.lates[f.id]; ok && (f.kind == kindLate || f.kind == kindDrained) {
		return c.afterwards(sink, f)
	}
	if run, ok := c.runs[f.id]; ok {
		return c.progress(run, f)
	}
	return violation("a frame (%v) for %d, which is nothing that was asked for", f.kind, f.id)
}

// afterwards takes what comes of a command that lives on. It is called with mu
// held.
func (c *Client) afterwards(to *sink, f frame) error {
	if f.kind == kindLate {
		if len(f.payload) == 0 {
			return violation("empty output")
		}
		return c.late.push(to, f.payload)
	}
	if _, ok := c.runs[f.id]; ok || len(f.payload) > 0 {
		return violation("the output of a command ends before the command")
	}
	delete(c.lates, f.id)
	return nil
}

// newID gives a number for a request. It is called with mu held.
func (c *Client) newID() uint32 {
	for {
		c.next++
		_, call := c.calls[c.next]
		_, run := c.runs[c.next]
		_, late := c.lates[c.next]
		if c.next != 0 && !call && !run && !late {
			return c.next
		}
	}
}

// pending gives the ids of commands and requests that are not answered, and of
// commands with children that hold their output.
func (c *Client) pending() []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(func(yield func(uint32) bool) {
		for _, keys := range []func(func(uint32) bool){maps.Keys(c.calls), maps.Keys(c.runs), maps.Keys(c.lates)} {
			for id := range keys {
				if !yield(id) {
					return
				}
			}
		}
	})
}

// tempPath is how the container's commands name a file of WriteTemp.
func (c *Client) tempPath(name string) string { return path.Join(c.o.Temp, name) }
