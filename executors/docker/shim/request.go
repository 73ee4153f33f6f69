package shim

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// killPatience bounds StopBackground: the container gives up after 10 s on
// processes, and after 2 more on output.
const killPatience = 30 * time.Second

// call is a request that is to be answered.
type call struct {
	kind   kind
	most   int // bytes of the answer
	parts  []byte
	result chan result // has room for the one that comes
}

type result struct {
	data []byte
	err  error
}

func (c *call) finish(data []byte, err error) { c.result <- result{data, err} }

// call sends a request and waits for its answer, or until ctx is done. The
// container works on it all the same then.
func (c *Client) call(ctx context.Context, k kind, message []byte, most int) ([]byte, error) {
	if len(message) > maxMessage {
		return nil, fmt.Errorf("%d bytes are too much for one message, %d are allowed", len(message), maxMessage)
	}
	pending := &call{kind: k, most: most, result: make(chan result, 1)}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	id := c.newID()
	c.calls[id] = pending
	c.mu.Unlock()
	if err := c.post(ctx, k, id, message); err != nil {
		c.mu.Lock()
		delete(c.calls, id)
		c.mu.Unlock()
		return nil, err
	}
	select {
	case r := <-pending.result:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// answer takes a frame for a request. It is called with mu held.
func (c *Client) answer(pending *call, f frame) error {
	if len(pending.parts)+len(f.payload) > pending.most && f.kind != kindFailed {
		return violation("an answer to %v of more than %d bytes", pending.kind, pending.most)
	}
	var err error
	switch f.kind {
	case kindPart:
		if len(f.payload) == 0 {
			return violation("an empty part")
		}
		pending.parts = append(pending.parts, f.payload...)
		return nil
	case kindReply:
	case kindFailed:
		remote, bad := decodeError(f.payload)
		if bad != nil {
			return bad
		}
		pending.parts, f.payload, err = nil, nil, remote
	default:
		return violation("a frame (%v) in answer to %v", f.kind, pending.kind)
	}
	delete(c.calls, f.id)
	data := append(pending.parts, f.payload...)
	if pending.kind == kindKillAll {
		// What came before the answer is written before it is given.
		c.late.mark(func() { pending.finish(data, err) })
		return nil
	}
	pending.finish(data, err)
	return nil
}

// LookPath finds a program in the container along a PATH, as
// common.Executor says.
func (c *Client) LookPath(ctx context.Context, name, list string) (string, error) {
	var e encoder
	e.text(name)
	e.text(list)
	data, err := c.call(ctx, kindLookPath, e, maxReply)
	if err != nil {
		return "", err
	}
	found := string(data)
	if !path.IsAbs(found) || strings.ContainsRune(found, 0) {
		return "", fmt.Errorf("look up %s: the container names %q, which is no path", name, line(found, 256))
	}
	return found, nil
}

// WriteTemp writes a file below the temp directory, as common.Executor says.
func (c *Client) WriteTemp(ctx context.Context, name string, data []byte) (string, error) {
	var e encoder
	e.text(name)
	e.bytes(data)
	if _, err := c.call(ctx, kindWriteTemp, e, maxReply); err != nil {
		return "", err
	}
	return c.tempPath(name), nil
}

// ReadTemp reads a file below the temp directory, as common.Executor says.
func (c *Client) ReadTemp(ctx context.Context, name string, limit int64) ([]byte, error) {
	const most = 1 << 30
	limit = max(0, min(limit, most))
	var e encoder
	e.text(name)
	e.int(limit)
	return c.call(ctx, kindReadTemp, e, int(limit))
}

// StopBackground ends every process of the container but the first and returns
// when they are gone and their output is written. It bounds itself, by 30 s,
// and is not cut short by ctx.
func (c *Client) StopBackground(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), killPatience, errors.New("the container does not answer"))
	defer cancel()
	if _, err := c.call(ctx, kindKillAll, nil, maxReply); err != nil {
		return fmt.Errorf("end the processes of the container: %w", err)
	}
	return nil
}
