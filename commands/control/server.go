package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/helpers/atomicfile"
	"multirunner/helpers/unixsocket"
)

const (
	maxConns      = 16
	idleTimeout   = 30 * time.Second // without a question
	answerTimeout = 10 * time.Second // for the handler
	writeTimeout  = 5 * time.Second
	acceptPause   = 100 * time.Millisecond

	// detachPatience is how long questions have that are being answered.
	detachPatience = 2 * time.Second
)

// Handler answers the questions. Its methods are called concurrently, with a
// context that ends after 10 seconds. Errors are shown to people.
type Handler interface {
	Status(ctx context.Context) (Status, error)
	Jobs(ctx context.Context) ([]Job, error)
	// Pause pauses or resumes a registration, all when name is "".
	Pause(ctx context.Context, name string, paused bool) (Changed, error)
	// Drain begins to stop the runner, and does not wait.
	Drain(ctx context.Context) error
	// Cancel tells a job to end, and does not wait. It gives the job.
	Cancel(ctx context.Context, c Cancel) (Job, error)
	// Upgrade begins to replace the program, and does not wait. One that is under
	// way is given instead.
	Upgrade(ctx context.Context) (Upgrade, error)
}

// Server is the runner's end of the socket.
type Server struct {
	listener *unixsocket.Listener
	file     string // that holds the path of the socket, or ""
	handler  Handler
	log      logrus.FieldLogger
	ctx      context.Context // of the questions
	cancel   context.CancelFunc

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// Listen makes the socket in a state directory, in place of one that a dead
// runner left: whoever calls it holds the lock of the directory.
func Listen(stateDir string, handler Handler, log logrus.FieldLogger) (*Server, error) {
	wanted := filepath.Join(stateDir, SocketName)
	if err := removeLeft(wanted); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := unixsocket.Listen(wanted, tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := newServer(listener, wanted, handler, log)
	if s.file != "" {
		if err := atomicfile.WriteNoSync(wanted, []byte(listener.Path()), 0o600); err != nil {
			return nil, fmt.Errorf("control socket: %w", errors.Join(err, listener.Close()))
		}
	}
	s.wg.Go(s.accept)
	return s, nil
}

// Inherit is Listen with the socket that Detach passed on.
func Inherit(stateDir string, socket *os.File, handler Handler, log logrus.FieldLogger) (*Server, error) {
	wanted := filepath.Join(stateDir, SocketName)
	listener, err := unixsocket.Inherit(socket, wanted, tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := newServer(listener, wanted, handler, log)
	s.wg.Go(s.accept)
	return s, nil
}

func newServer(listener *unixsocket.Listener, wanted string, handler Handler, log logrus.FieldLogger) *Server {
	s := &Server{listener: listener, handler: handler, log: log, conns: map[net.Conn]struct{}{}}
	if listener.Path() != wanted {
		s.file = wanted
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// removeLeft removes the socket, or the file in its place, of a dead runner.
func removeLeft(path string) error {
	socket, err := locate(path)
	if err != nil {
		return nil // none, or nothing that could be followed
	}
	if socket != path {
		if err := unixsocket.RemoveStray(socket, tempPrefix); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close ends all conversations, removes the socket and waits for the handlers:
// a question that is being answered gets its answer.
func (s *Server) Close() error {
	if !s.hangUp() {
		return nil
	}
	s.cancel()
	err := s.listener.Close()
	if s.file != "" {
		err = errors.Join(err, os.Remove(s.file))
	}
	s.wg.Wait()
	return err
}

// Detach is Close, but for the socket: who connects waits for whoever inherits
// it. Questions that are being answered are given a moment. After an error
// nothing has changed.
func (s *Server) Detach() (*os.File, error) {
	file, err := s.listener.Detach()
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s.hangUp()
	impatient := time.AfterFunc(detachPatience, s.cancel)
	s.wg.Wait()
	impatient.Stop()
	s.cancel()
	return file, nil
}

// hangUp ends all conversations, those with a question once that is answered;
// false when that was done before.
func (s *Server) hangUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	for conn := range s.conns {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	return true
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely
			select {
			case <-s.ctx.Done():
			case <-time.After(acceptPause):
			}
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
	if len(s.conns) >= maxConns {
		// A line fits into the socket's buffer: this does not block.
		_ = send(conn, message{Error: "too many commands talk to the runner, try again"})
		_ = conn.Close()
		return
	}
	s.conns[conn] = struct{}{}
	s.wg.Go(func() {
		s.serve(conn)
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		_ = conn.Close()
	})
}

// serve answers a connection's questions until it breaks or is silent.
func (s *Server) serve(conn net.Conn) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxQuestion)
	for {
		if !s.awaitQuestion(conn) {
			return
		}
		if !lines.Scan() {
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				_ = send(conn, message{Error: "control socket: the question is too long"})
			}
			return
		}
		question, err := decodeLine(lines.Bytes())
		if err != nil {
			_ = send(conn, message{ID: question.ID, Error: err.Error()})
			return
		}
		answer, err := s.answer(question)
		if err != nil {
			return // a runner that ends has no answers: hanging up says so
		}
		if err := send(conn, answer); err != nil {
			return
		}
	}
}

// awaitQuestion sets how long a conversation may be silent; false when it is
// over.
func (s *Server) awaitQuestion(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && conn.SetReadDeadline(time.Now().Add(idleTimeout)) == nil
}

func send(conn net.Conn, m message) error {
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

// answer asks the handler. A panic of it is an error of the question.
// The error is that the server closes, and the handler gave up because of it.
func (s *Server) answer(question message) (answer message, closing error) {
	ctx, cancel := context.WithTimeoutCause(s.ctx, answerTimeout, errors.New("the runner does not answer"))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.WithField("stack", string(debug.Stack())).Errorf("Panic while answering a command: %v", p)
			answer, closing = message{Error: "something went wrong in the runner, see its log"}, nil
		}
		answer.ID, answer.Command = question.ID, question.Command
	}()
	answer, err := s.ask(ctx, question)
	if err != nil && errors.Is(err, context.Canceled) && s.ctx.Err() != nil {
		return message{}, err
	}
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(err, context.DeadlineExceeded) && cause != nil {
			err = cause
		}
		return message{Error: err.Error()}, nil
	}
	return answer, nil
}

func (s *Server) ask(ctx context.Context, question message) (answer message, err error) {
	switch question.Command {
	case commandStatus:
		status, err := s.handler.Status(ctx)
		return message{Status: &status}, err
	case commandJobs:
		jobs, err := s.handler.Jobs(ctx)
		return message{Jobs: jobs}, err
	case commandPause, commandResume:
		changed, err := s.handler.Pause(ctx, question.Name, question.Command == commandPause)
		return message{Changed: &changed}, err
	case commandDrain:
		return message{}, s.handler.Drain(ctx)
	case commandCancel:
		if question.Cancel == nil {
			return message{}, errors.New("cancel: which task is missing")
		}
		job, err := s.handler.Cancel(ctx, *question.Cancel)
		return message{Job: &job}, err
	case commandUpgrade:
		upgrade, err := s.handler.Upgrade(ctx)
		return message{Upgrade: &upgrade}, err
	}
	return message{}, fmt.Errorf("the runner does not know the command %q: it is another version (see runner version)", question.Command)
}
