package shim

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"multirunner/common"
	"multirunner/helpers/lookpath"
	"multirunner/helpers/process"
)

// running is a command from its start until its exit is told.
type running struct {
	cancel context.CancelCauseFunc
	hurry  chan struct{}
	hasty  bool // hurry is closed
	window int  // room for output; guarded by the server's mu
}

// start runs a command in a goroutine of its own.
func (s *server) start(id uint32, st start) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{cancel: cancel, hurry: make(chan struct{}), window: runWindow}
	s.mu.Lock()
	s.runs[id] = r
	s.mu.Unlock()
	s.owners.Go(func() {
		defer cancel(nil)
		s.run(ctx, id, r, st)
	})
}

func (s *server) run(ctx context.Context, id uint32, r *running, st start) {
	command, err := s.launch(id, r, st)
	if err != nil {
		s.forget(id)
		s.send(kindFailed, id, encodeError(err))
		return
	}
	status := command.Wait(ctx, process.Escalation{
		Graceful: s.open.graceful, Force: s.open.force, Hurry: r.hurry,
		AtOnce: func(cause error) bool { return errors.Is(cause, common.ErrKill) },
	})
	s.forget(id)
	x := exit{code: status.Code, signal: status.Signal, drained: !st.late || isClosed(command.Drained())}
	s.send(kindExit, id, x.encode())
	if x.drained {
		return
	}
	<-command.Drained()
	s.send(kindDrained, id, nil)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *server) forget(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, id)
}

// launch starts the program of a command.
func (s *server) launch(id uint32, r *running, st start) (*process.Command, error) {
	path := s.directory(st.path)
	if filepath.Base(st.path) == st.path {
		var err error
		if path, err = lookpath.Find(st.path, valueOf(st.env, "PATH"), s.directory, lookpath.Executable); err != nil {
			return nil, err
		}
	}
	o := process.Options{
		Path: path, Name: filepath.Base(st.path), Args: st.args,
		Dir: s.directory(st.dir), Env: st.env,
	}
	if st.stdout {
		o.Stdout = &outlet{s, kindStdout, id, &r.window}
	}
	if st.stderr {
		o.Stderr = &outlet{s, kindStderr, id, &r.window}
	}
	if st.joined {
		o.Stderr = o.Stdout
	}
	if st.late {
		o.Late = &outlet{s, kindLate, id, &s.late}
	}
	s.starting.RLock()
	defer s.starting.RUnlock()
	if s.over() {
		return nil, errOver
	}
	command, err := s.family.Start(o)
	if err != nil {
		return nil, s.whyNot(err, path, st)
	}
	return command, nil
}

// errOver is why nothing starts any more. Nobody reads it.
var errOver = errors.New("the client is gone")

func (s *server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// whyNot says more about a command that could not be started.
func (s *server) whyNot(err error, path string, st start) error {
	if _, statErr := os.Stat(s.directory(st.dir)); errors.Is(statErr, fs.ErrNotExist) {
		return fmt.Errorf("working directory %s does not exist: %w", st.dir, err)
	}
	switch {
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("%w: %s: hand over large values in files", err, sizes(st.env))
	case errors.Is(err, fs.ErrNotExist):
		if needs := interpreter(path); needs != "" {
			return fmt.Errorf("%w: it needs %s, which the image does not have", err, needs)
		}
	}
	return err
}

// interpreter gives the program that a file cannot be run without: that of its
// first line, or the loader of its libraries. The kernel says of a missing one
// that the file itself is not there.
func interpreter(path string) string {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer file.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(file, head)
	if script, ok := bytes.CutPrefix(head[:n], []byte("#!")); ok {
		first, _, _ := bytes.Cut(script, []byte("\n"))
		if fields := strings.Fields(string(first)); len(fields) > 0 {
			return fields[0]
		}
		return ""
	}
	program, err := elf.NewFile(file)
	if err != nil {
		return ""
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP && part.Filesz < 4096 {
			name, _ := io.ReadAll(part.Open())
			return strings.TrimRight(string(name), "\x00")
		}
	}
	return ""
}

func (s *server) cancel(id uint32, atOnce bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.runs[id]; ok {
		cause := context.Canceled
		if atOnce {
			cause = common.ErrKill
		}
		r.cancel(cause)
	}
}

func (s *server) hurry(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.runs[id]; ok && !r.hasty {
		r.hasty = true
		close(r.hurry)
	}
}

// outlet sends output of a command, as far as there is room for it.
type outlet struct {
	server *server
	kind   kind
	id     uint32
	window *int
}

func (o *outlet) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxPayload)
		if !o.server.take(o.window, n+frameCost) {
			return 0, io.ErrClosedPipe
		}
		o.server.send(o.kind, o.id, rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// valueOf gives a variable of an environment; the last one counts.
func valueOf(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			value = v
		}
	}
	return value
}
