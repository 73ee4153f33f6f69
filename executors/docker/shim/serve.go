package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"multirunner/helpers/lookpath"
	"multirunner/helpers/process"
	"multirunner/helpers/tempdir"
)

// ServeOptions are what Serve depends on.
type ServeOptions struct {
	// In and Out are the connection. Serve closes those that can be closed,
	// which must end pending reads and writes.
	In  io.Reader
	Out io.Writer
}

// Serve is the inside: it starts commands for a Client as this process's own
// user, until In ends, ctx is done or Out fails. Then it kills everything that
// it has started or that has come to it, and returns when that is gone. It is
// for a process of its own: orphans come to it, and as the first process of a
// PID namespace it ends whatever else is there. The error is nil unless the
// client broke the protocol or something did not end.
func Serve(ctx context.Context, o ServeOptions) error {
	s := &server{
		in: o.In, out: o.Out,
		family: process.NewFamily(),
		parts:  map[uint32][]byte{},
		runs:   map[uint32]*running{},
		late:   lateWindow,
	}
	s.room.L = &s.mu
	if err := s.family.BecomeSubreaper(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	ctx, s.stop = context.WithCancelCause(ctx)
	defer s.stop(nil)
	s.send(kindHello, 0, greeting().encode())
	var reader sync.WaitGroup
	reader.Go(func() { s.stop(s.read()) })
	<-ctx.Done()
	s.hangUp()
	reader.Wait()
	err := s.killAll(context.Background(), s.family.Close)
	s.owners.Wait()
	if s.temp != nil {
		err = errors.Join(err, s.temp.Close())
	}
	var broken *ProtocolError
	if cause := context.Cause(ctx); errors.As(cause, &broken) {
		err = errors.Join(cause, err)
	}
	return err
}

// greeting is what this process is.
func greeting() Hello {
	host, _ := os.Hostname()
	return Hello{
		PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid(),
		System: system("/etc/os-release", "/usr/lib/os-release"), Hostname: host, Arch: runtime.GOARCH,
	}
}

type server struct {
	in     io.Reader
	out    io.Writer
	family *process.Family
	stop   context.CancelCauseFunc
	owners sync.WaitGroup

	// Of the goroutine that reads, until it is over.
	parts map[uint32][]byte
	held  int // bytes in parts
	open  open
	temp  *tempdir.Dir

	sending sync.Mutex // held while out is written to
	frame   []byte

	starting sync.RWMutex // read-locked while a command is started

	mu    sync.Mutex
	room  sync.Cond // some window has room, or it is over
	runs  map[uint32]*running
	late  int // room for late output
	ended bool
}

// hangUp lets nothing start any more, and nothing wait for the client.
func (s *server) hangUp() {
	s.starting.Lock()
	s.mu.Lock()
	s.ended = true
	s.room.Broadcast()
	s.mu.Unlock()
	s.starting.Unlock()
	for _, end := range []any{s.in, s.out} {
		if closer, ok := end.(io.Closer); ok {
			_ = closer.Close()
		}
	}
}

// killAll ends everything in the container; the family's way comes last, for it
// waits for the output too.
func (s *server) killAll(ctx context.Context, family func(context.Context) error) error {
	err := process.KillNamespace(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, family(ctx))
}

// send writes one frame. It waits for the client, whose reader waits for
// nobody. After a fault it does nothing.
func (s *server) send(k kind, id uint32, payload []byte) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.frame = appendFrame(s.frame[:0], k, id, payload)
	if _, err := s.out.Write(s.frame); err != nil {
		s.stop(err)
	}
}

// reply answers a request.
func (s *server) reply(id uint32, answer []byte, err error) {
	if err != nil {
		s.send(kindFailed, id, encodeError(err))
		return
	}
	for len(answer) > maxPayload {
		s.send(kindPart, id, answer[:maxPayload])
		answer = answer[maxPayload:]
	}
	s.send(kindReply, id, answer)
}

// read takes requests until the client is gone.
func (s *server) read() error {
	r := newFrameReader(s.in)
	for {
		f, err := r.next()
		if err != nil {
			return err
		}
		message, whole, err := s.assemble(f)
		if err != nil {
			return err
		}
		if !whole {
			continue
		}
		if err := s.handle(f.kind, f.id, message); err != nil {
			return err
		}
	}
}

// assemble puts messages together that came in parts. What it gives is the
// caller's.
func (s *server) assemble(f frame) (message []byte, whole bool, err error) {
	if f.kind == kindPart {
		if s.held += len(f.payload); s.held > 2*maxMessage {
			return nil, false, violation("messages of more than %d bytes", 2*maxMessage)
		}
		s.parts[f.id] = append(s.parts[f.id], f.payload...)
		return nil, false, nil
	}
	parts := s.parts[f.id]
	if parts != nil {
		s.held -= len(parts)
		delete(s.parts, f.id)
	}
	return append(parts, f.payload...), true, nil
}

func (s *server) handle(k kind, id uint32, message []byte) error {
	if s.temp == nil && k != kindOpen {
		return violation("a request (%v) before the first one", k)
	}
	d := decoder{rest: message}
	switch k {
	case kindOpen:
		return s.begin(id, message)
	case kindStart:
		st, err := decodeStart(message)
		if err != nil {
			return err
		}
		s.start(id, st)
	case kindCancel:
		s.cancel(id, d.flag())
	case kindHurry:
		s.hurry(id)
	case kindAck:
		s.ack(id, d.uint())
	case kindLookPath:
		name, list := d.text(), d.text()
		s.work(id, func() ([]byte, error) {
			found, err := lookpath.Find(name, list, s.directory, lookpath.Executable)
			return []byte(found), err
		})
	case kindWriteTemp:
		name, data := d.text(), d.bytes()
		s.work(id, func() ([]byte, error) {
			_, err := s.temp.Write(name, data)
			return nil, err
		})
	case kindReadTemp:
		name, limit := d.text(), d.int()
		s.work(id, func() ([]byte, error) { return s.temp.Read(name, limit) })
	case kindKillAll:
		s.work(id, func() ([]byte, error) {
			return nil, s.killAll(context.Background(), s.family.KillAll)
		})
	default:
		return violation("a frame (%v) from the client", k)
	}
	if d.bad {
		return violation("a message (%v) that cannot be read", k)
	}
	return nil
}

// begin takes what all commands have in common.
func (s *server) begin(id uint32, message []byte) error {
	o, err := decodeOpen(message)
	if err != nil {
		return err
	}
	if s.temp != nil {
		return violation("a second beginning")
	}
	s.open = o
	s.temp, err = tempdir.Open(filepath.Dir(o.temp), filepath.Base(o.temp), nil)
	if err != nil {
		s.temp = nil
		err = fmt.Errorf("open the temp directory as user %d: %w", os.Getuid(), err)
	}
	s.reply(id, nil, err)
	return nil
}

// work answers a request from a goroutine of its own.
func (s *server) work(id uint32, answer func() ([]byte, error)) {
	s.owners.Go(func() {
		data, err := answer()
		s.reply(id, data, err)
	})
}

// directory gives where a command starts.
func (s *server) directory(dir string) string {
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(s.open.workspace, dir)
}

// take waits until a window has room, and tells whether it got it.
func (s *server) take(window *int, cost int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for *window < cost && !s.ended {
		s.room.Wait()
	}
	*window -= cost
	return !s.ended
}

// ack gives room back. That a command has ended meanwhile is no fault.
func (s *server) ack(id uint32, cost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cost > runWindow {
		return
	}
	if id == 0 {
		s.late += int(cost)
	} else if r, ok := s.runs[id]; ok {
		r.window += int(cost)
	}
	s.room.Broadcast()
}
