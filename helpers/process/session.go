package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"multirunner/helpers/sigmask"
)

// SessionOptions say how to start a process that lives on when this one ends.
type SessionOptions struct {
	Path string // of the program: Self() for this one
	Name string // the program's own name for itself; empty: the last element of Path
	Args []string
	Env  []string // K=V, the whole environment: nil is an empty one
	Dir  string
	// Output is the standard output and error; nil is the null device.
	Output *os.File
	// ExtraFiles are open in the process as descriptors 3, 4, …: it gets them
	// with InheritedFile. Not on Windows.
	ExtraFiles []*os.File
}

// Session is a process in a session of its own. No terminal, no signal to this
// process's group and no end of this process ends it, except on Windows, where
// it ends with this process.
type Session struct {
	// Stdin is the standard input of the process. The caller closes it.
	Stdin *os.File

	pid    int
	start  uint64
	done   chan struct{}
	status Status
}

// StartSession starts a process in a session of its own.
func StartSession(o SessionOptions) (*Session, error) {
	name := o.Name
	if name == "" {
		name = filepath.Base(o.Path)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer r.Close()
	cmd := &exec.Cmd{
		Path:        o.Path,
		Args:        append([]string{name}, o.Args...),
		Dir:         o.Dir,
		Env:         append([]string{}, o.Env...), // never nil, which would be ours
		Stdin:       r,
		ExtraFiles:  o.ExtraFiles,
		SysProcAttr: sessionAttr(),
	}
	if o.Output != nil {
		cmd.Stdout, cmd.Stderr = o.Output, o.Output
	}
	// This process may have begun with signals blocked, see sigmask.
	if err := sigmask.Clear(cmd.Start); err != nil {
		w.Close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s := &Session{Stdin: w, pid: cmd.Process.Pid, done: make(chan struct{})}
	// It cannot be gone yet, at most a zombie: nobody has waited for it.
	s.start, _ = StartTime(s.pid)
	g := newSessionGroup(cmd)
	go func() {
		defer close(s.done)
		defer g.close()
		_ = cmd.Wait()
		s.status = killed()
		if cmd.ProcessState != nil {
			s.status = g.status(cmd.ProcessState)
		}
	}()
	return s, nil
}

// PID is the number of the process, StartTime when it started: see StartTime.
func (s *Session) PID() int { return s.pid }

// StartTime is when the process started, as the function StartTime gives it.
func (s *Session) StartTime() uint64 { return s.start }

// Done is closed when the process has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Status is how the process ended; it is valid once Done is closed.
func (s *Session) Status() Status { return s.status }

// Kill ends the process at once, and nothing that it started.
func (s *Session) Kill() error { return Kill(s.pid, s.start) }
