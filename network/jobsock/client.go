package jobsock

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/common"
)

const (
	redialMin     = 50 * time.Millisecond
	redialMax     = 2 * time.Second
	answerTimeout = 5 * time.Second
)

// ErrClosed is the answer to questions after Close.
var ErrClosed = errors.New("job socket: closed")

// Client is the supervisor's end of a job's socket. It connects, and again
// whenever the connection breaks, until Close.
type Client struct {
	locate func() (string, error)
	log    logrus.FieldLogger
	wakes  chan struct{}
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup

	mu        sync.Mutex
	conn      net.Conn // nil while not connected
	changed   chan struct{}
	lastID    int64
	waiting   map[int64]chan message
	wanted    common.StopReason // the strongest that Cancel was called with
	confirmed common.StopReason // the strongest that the job has answered
}

// Dial gives a client of the socket at path, connected or not.
func Dial(path string, log logrus.FieldLogger) *Client {
	return DialFunc(func() (string, error) { return path, nil }, log)
}

// DialFunc is Dial for a socket whose path is not known yet: locate is asked
// before each attempt.
func DialFunc(locate func() (string, error), log logrus.FieldLogger) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		locate:  locate,
		log:     log,
		wakes:   make(chan struct{}, 1),
		ctx:     ctx,
		cancel:  cancel,
		changed: make(chan struct{}),
		waiting: make(map[int64]chan message),
	}
	c.wg.Go(c.connect)
	c.wg.Go(c.repeatCancel)
	return c
}

// Wakes gets a value when the job has something to send; also after each
// connect, because wakes may have been lost before it.
func (c *Client) Wakes() <-chan struct{} { return c.wakes }

// Cancel tells the job to stop. It returns at once: the command is sent when
// there is a connection and repeated until it is answered. A reason that is
// not stronger than an earlier one does nothing.
func (c *Client) Cancel(reason common.StopReason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason.Overrides(c.wanted) {
		c.wanted = reason
		c.broadcast()
	}
}

// Status asks what the job is doing. It waits for a connection as long as ctx
// lets it.
func (c *Client) Status(ctx context.Context) (Status, error) {
	answer, err := c.ask(ctx, message{Command: commandStatus})
	if err != nil {
		return Status{}, err
	}
	if answer.Status == nil {
		return Status{}, errors.New("job socket: an answer without a status")
	}
	return *answer.Status, nil
}

// Token asks for the task's runtime token. It waits for a connection as long
// as ctx lets it.
func (c *Client) Token(ctx context.Context) (Runtime, error) {
	answer, err := c.ask(ctx, message{Command: commandToken})
	if err != nil {
		return Runtime{}, err
	}
	if answer.Runtime == nil {
		return Runtime{}, errors.New("job socket: an answer without a token")
	}
	r := answer.Runtime
	return Runtime{Token: common.NewSecret(r.Token), RunID: r.RunID, JobID: r.JobID}, nil
}

// Close ends the connection and waits for the goroutines.
func (c *Client) Close() {
	c.cancel()
	c.drop(nil)
	c.wg.Wait()
}

// broadcast wakes whoever waits for a change. c.mu is held.
func (c *Client) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// connect keeps a connection.
func (c *Client) connect() {
	delay := redialMin
	for c.ctx.Err() == nil {
		began := time.Now()
		if conn, err := c.dial(); err == nil {
			c.read(conn)
			c.drop(conn)
		}
		if time.Since(began) > redialMax { // it was a connection that worked
			delay = redialMin
		}
		select {
		case <-c.ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, redialMax)
	}
}

func (c *Client) dial() (net.Conn, error) {
	path, err := c.locate()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: answerTimeout}
	conn, err := dialer.DialContext(c.ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, errors.Join(c.ctx.Err(), conn.Close())
	}
	c.conn = conn
	c.broadcast()
	c.wake()
	return conn, nil
}

func (c *Client) wake() {
	select {
	case c.wakes <- struct{}{}:
	default:
	}
}

// read hands out what the job sends until the connection breaks.
func (c *Client) read(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		m, err := decodeLine(lines.Bytes())
		if err == nil && m.Error != "" && m.ID == 0 {
			err = errors.New("job socket: " + m.Error)
		}
		if err != nil {
			c.log.WithError(err).Warn("the job's socket is not understood")
			return
		}
		if m.Command == eventWake {
			c.wake()
			continue
		}
		c.mu.Lock()
		answer := c.waiting[m.ID]
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- m
		}
	}
}

// drop closes a connection, nil for the present one. The questions that wait
// on it are asked again on the next.
func (c *Client) drop(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn == nil {
		conn = c.conn
	}
	if conn == nil {
		return
	}
	_ = conn.Close()
	if c.conn != conn {
		return
	}
	c.conn = nil
	for id, answer := range c.waiting {
		close(answer)
		delete(c.waiting, id)
	}
	c.broadcast()
}

// ask sends a question, and again on a new connection when one breaks or does
// not answer within 5 s, until ctx ends.
func (c *Client) ask(ctx context.Context, question message) (message, error) {
	for {
		conn, err := c.connected(ctx)
		if err != nil {
			return message{}, err
		}
		answer, ok := c.askOnce(ctx, conn, question)
		if ok && answer.Error != "" {
			return message{}, errors.New("job socket: " + answer.Error)
		}
		if ok {
			return answer, nil
		}
		if ctx.Err() == nil {
			c.drop(conn)
		}
	}
}

// connected waits for a connection.
func (c *Client) connected(ctx context.Context) (net.Conn, error) {
	for {
		c.mu.Lock()
		conn, changed := c.conn, c.changed
		c.mu.Unlock()
		switch {
		case c.ctx.Err() != nil:
			return nil, ErrClosed
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case conn != nil:
			return conn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-c.ctx.Done():
		}
	}
}

func (c *Client) askOnce(ctx context.Context, conn net.Conn, question message) (message, bool) {
	answer := make(chan message, 1)
	c.mu.Lock()
	if c.conn != conn {
		c.mu.Unlock()
		return message{}, false
	}
	c.lastID++
	question.ID = c.lastID
	c.waiting[question.ID] = answer
	err := c.write(conn, question)
	c.mu.Unlock()
	if err != nil {
		return message{}, false
	}
	timeout := time.NewTimer(answerTimeout)
	defer timeout.Stop()
	select {
	case m, ok := <-answer:
		return m, ok
	case <-timeout.C:
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	c.mu.Lock()
	delete(c.waiting, question.ID)
	c.mu.Unlock()
	return message{}, false
}

// write sends a line. c.mu is held, so that lines do not mix.
func (c *Client) write(conn net.Conn, m message) error {
	line, err := encodeLine(m)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = conn.Write(line)
	return err
}

// repeatCancel sends the wanted cancel until the job has answered it.
func (c *Client) repeatCancel() {
	for c.ctx.Err() == nil {
		c.mu.Lock()
		wanted, confirmed, changed := c.wanted, c.confirmed, c.changed
		c.mu.Unlock()
		if !wanted.Overrides(confirmed) {
			select {
			case <-changed:
			case <-c.ctx.Done():
			}
			continue
		}
		if _, err := c.ask(c.ctx, message{Command: commandCancel, Reason: wanted}); err != nil && c.ctx.Err() == nil {
			// Asking again would not help: the job process does not know it.
			c.log.WithError(err).Warn("the job refused to be cancelled")
		}
		c.mu.Lock()
		c.confirmed = wanted
		c.mu.Unlock()
	}
}
