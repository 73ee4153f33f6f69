package jobsock

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"multirunner/helpers/unixsocket"
)

const (
	wakeGap      = 250 * time.Millisecond
	urgentGap    = 20 * time.Millisecond
	writeTimeout = 5 * time.Second
)

// Server is the job process's end of the socket.
type Server struct {
	listener *unixsocket.Listener
	handler  Handler

	mu     sync.Mutex
	conns  map[*serverConn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// Listen makes the socket at path, 0600, in place of one that a dead process
// left there. A path of more than 100 bytes is too long for a socket: then it
// is made in a fresh 0700 directory under the temp directory, see Path.
func Listen(path string, handler Handler) (*Server, error) {
	listener, err := unixsocket.Listen(path, tempPrefix)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, handler: handler, conns: make(map[*serverConn]struct{})}
	s.wg.Go(s.accept)
	return s, nil
}

// Path is where the socket is.
func (s *Server) Path() string { return s.listener.Path() }

// Wake tells every connected supervisor to look at the spool: within 20 ms when
// urgent, else within 250 ms, together with other wakes. It never blocks.
func (s *Server) Wake(urgent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.wake(urgent)
	}
}

// Close ends all connections, removes the socket and waits for the handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	for c := range s.conns {
		c.end()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely
			time.Sleep(100 * time.Millisecond)
			continue
		}
		s.start(conn)
	}
}

func (s *Server) start(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	c := &serverConn{
		conn:   conn,
		soon:   make(chan struct{}, 1),
		now:    make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	s.conns[c] = struct{}{}
	s.wg.Go(func() { s.serve(c) })
	s.wg.Go(c.sendWakes)
}

// serve answers a connection's questions until it breaks.
func (s *Server) serve(c *serverConn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		c.end()
	}()
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		question, err := decodeLine(lines.Bytes())
		if err != nil {
			_ = c.send(message{Error: err.Error()})
			return
		}
		if err := c.send(s.answer(question)); err != nil {
			return
		}
	}
}

func (s *Server) answer(question message) message {
	answer := message{ID: question.ID, Command: question.Command}
	switch question.Command {
	case commandCancel:
		if !question.Reason.Overrides("") { // not one that is known
			answer.Error = fmt.Sprintf("unknown reason %q", question.Reason)
			break
		}
		s.handler.Cancel(question.Reason)
	case commandStatus:
		status := s.handler.Status()
		answer.Status = &status
	case commandToken:
		runtime := s.handler.Token()
		answer.Runtime = &wireRuntime{Token: runtime.Token.Reveal(), RunID: runtime.RunID, JobID: runtime.JobID}
	default:
		answer.Error = fmt.Sprintf("unknown command %q", question.Command)
	}
	return answer
}

// serverConn is one connected supervisor.
type serverConn struct {
	conn      net.Conn
	soon, now chan struct{}
	closed    chan struct{}
	once      sync.Once
	mu        sync.Mutex // one line at a time
}

func (c *serverConn) end() {
	c.once.Do(func() {
		close(c.closed)
		_ = c.conn.Close()
	})
}

func (c *serverConn) send(m message) error {
	line, err := encodeLine(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = c.conn.Write(line)
	return err
}

func (c *serverConn) wake(urgent bool) {
	ch := c.soon
	if urgent {
		ch = c.now
	}
	select {
	case ch <- struct{}{}:
	default:
	}
}

// sendWakes sends urgent wakes as they come, the others with a gap, and of
// urgent ones in a burst few.
func (c *serverConn) sendWakes() {
	defer c.end()
	var last time.Time
	for {
		select {
		case <-c.closed:
			return
		case <-c.now:
		case <-c.soon:
			c.rest(time.Until(last.Add(wakeGap)), c.now)
		}
		c.rest(time.Until(last.Add(urgentGap)), nil)
		last = time.Now()
		if err := c.send(message{Command: eventWake}); err != nil {
			return
		}
	}
}

// rest lets some time pass, unless cut or the end of the connection comes
// first.
func (c *serverConn) rest(d time.Duration, cut <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-cut:
	case <-timer.C:
	}
}
