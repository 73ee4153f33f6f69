package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"multirunner/helpers/unixsocket"
)

const (
	dialTimeout = 5 * time.Second
	// A question waits longer than its handler may take.
	questionTimeout = answerTimeout + 5*time.Second
)

// NotRunningError says that no runner runs with a state directory.
type NotRunningError struct{ StateDir string }

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("no runner is running with the state directory %s: start one with `runner run`, or name the directory of the one that runs with --working-directory, or its configuration with -c", e.StateDir)
}

// ErrGone says that the runner ended, or closed the conversation, before it
// answered.
var ErrGone = errors.New("the runner has ended or broken off")

// Client talks to a running runner. It is for one goroutine.
type Client struct {
	conn   net.Conn
	lines  *bufio.Scanner
	lastID int64
}

// Dial finds the runner that has a state directory open. The error is a
// *NotRunningError when there is none.
func Dial(ctx context.Context, stateDir string) (*Client, error) {
	stateDir, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, err
	}
	path, err := locate(filepath.Join(stateDir, SocketName))
	if err == nil {
		var conn net.Conn
		dialer := net.Dialer{Timeout: dialTimeout}
		if conn, err = dialer.DialContext(ctx, "unix", path); err == nil {
			c := &Client{conn: conn, lines: bufio.NewScanner(conn)}
			c.lines.Buffer(nil, maxAnswer)
			return c, nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errRefused), errors.Is(err, syscall.ENOTDIR):
		return nil, &NotRunningError{StateDir: stateDir}
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the runner of %s belongs to another user: run this as that user, or as root (%w)", stateDir, err)
	}
	return nil, fmt.Errorf("the runner of %s cannot be reached: %w", stateDir, err)
}

// locate gives where the socket is whose wanted path this is.
func locate(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return path, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, unixsocket.MaxPath+1))
	if err != nil {
		return "", err
	}
	if socket := strings.TrimSpace(string(text)); filepath.IsAbs(socket) && len(text) <= unixsocket.MaxPath {
		return socket, nil
	}
	return path, nil
}

// Close ends the conversation.
func (c *Client) Close() error { return c.conn.Close() }

// Status asks what the runner is doing.
func (c *Client) Status(ctx context.Context) (Status, error) {
	answer, err := c.ask(ctx, message{Command: commandStatus})
	if err != nil {
		return Status{}, err
	}
	return present(answer.Status)
}

// Jobs asks for the jobs that the runner has.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	answer, err := c.ask(ctx, message{Command: commandJobs})
	return answer.Jobs, err
}

// Pause keeps a registration, all when name is "", from being polled.
func (c *Client) Pause(ctx context.Context, name string) (Changed, error) {
	return c.change(ctx, message{Command: commandPause, Name: name})
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, name string) (Changed, error) {
	return c.change(ctx, message{Command: commandResume, Name: name})
}

func (c *Client) change(ctx context.Context, question message) (Changed, error) {
	answer, err := c.ask(ctx, question)
	if err != nil {
		return Changed{}, err
	}
	return present(answer.Changed)
}

// Drain makes the runner end when its jobs have. It does not wait.
func (c *Client) Drain(ctx context.Context) error {
	_, err := c.ask(ctx, message{Command: commandDrain})
	return err
}

// Cancel makes a job end. It does not wait.
func (c *Client) Cancel(ctx context.Context, cancel Cancel) (Job, error) {
	answer, err := c.ask(ctx, message{Command: commandCancel, Cancel: &cancel})
	if err != nil {
		return Job{}, err
	}
	return present(answer.Job)
}

// Upgrade makes the runner replace its program by the one on disk. It does not
// wait: see Status. While the program is replaced the conversation breaks off,
// and the next Dial reaches the new one.
func (c *Client) Upgrade(ctx context.Context) (Upgrade, error) {
	answer, err := c.ask(ctx, message{Command: commandUpgrade})
	if err != nil {
		return Upgrade{}, err
	}
	return present(answer.Upgrade)
}

// present gives the part of an answer that must be there.
func present[T any](part *T) (T, error) {
	if part == nil {
		var none T
		return none, errors.New("control socket: the answer is not complete: the runner is another version (see runner version)")
	}
	return *part, nil
}

// ask sends a question and waits for its answer, until ctx is done.
func (c *Client) ask(ctx context.Context, question message) (message, error) {
	c.lastID++
	question.ID = c.lastID
	if err := c.conn.SetReadDeadline(time.Now().Add(questionTimeout)); err != nil {
		return message{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	// What the runner had to say before it broke off is worth reading.
	sendErr := send(c.conn, question)
	if !c.lines.Scan() {
		err := errors.Join(sendErr, c.lines.Err())
		switch {
		case ctx.Err() != nil:
			return message{}, context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return message{}, errors.New("the runner does not answer: see its log")
		case err == nil:
			return message{}, ErrGone
		}
		return message{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	answer, err := decodeLine(c.lines.Bytes())
	switch {
	case err != nil:
		return message{}, err
	case answer.Error != "":
		return message{}, errors.New(answer.Error)
	case answer.ID != question.ID:
		return message{}, fmt.Errorf("control socket: answer %d to question %d", answer.ID, question.ID)
	}
	return answer, nil
}
