package dummy

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"multirunner/common"
)

// Run implements common.Executor.
func (e *Executor) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	if err := e.begin(); err != nil {
		return common.ExitStatus{}, err
	}
	defer e.end()
	c := e.newCall(cmd)
	status, err := c.play(ctx)
	c.run.end(ctx)
	late := io.Writer(&lockedWriter{mu: &e.late, w: cmd.Late})
	c.stdout.redirect(late)
	c.stderr.redirect(late)
	e.record("Run", cmd, err)
	return status, err
}

// begin holds callers to the contract: one Run at a time.
func (e *Executor) begin() error {
	if err := e.ready("Run"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running {
		return errors.New("Run by two goroutines at a time")
	}
	e.running = true
	return nil
}

func (e *Executor) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running = false
}

func (e *Executor) newCall(cmd *common.Command) *Call {
	e.mu.Lock()
	alive, kill := context.WithCancel(e.alive)
	e.mu.Unlock()
	c := &Call{
		Command: cmd, Text: e.text(cmd), Executor: e,
		stdout: &sink{w: cmd.Stdout}, stderr: &sink{w: cmd.Stderr},
		run: &run{executor: e, alive: alive, kill: kill},
	}
	if cmd.Stdout == cmd.Stderr {
		c.stderr = c.stdout
	}
	return c
}

// text finds the script that a command runs.
func (e *Executor) text(cmd *common.Command) string {
	if i := slices.Index(cmd.Args, "-c"); i >= 0 && i+1 < len(cmd.Args) {
		return cmd.Args[i+1]
	}
	for _, arg := range slices.Backward(cmd.Args) {
		if data, err := e.files.read(arg); err == nil {
			return string(data)
		}
	}
	return strings.Join(append([]string{path.Base(cmd.Path)}, cmd.Args...), " ")
}

func (c *Call) play(ctx context.Context) (common.ExitStatus, error) {
	if r, ok := c.Executor.provider.reaction(c); ok && r.Run != nil {
		return r.Run(ctx, c)
	}
	return c.Interpret(ctx), nil
}

// endedBy names the signal that ends what does not react to any.
func endedBy(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), common.ErrKill) {
		return "killed"
	}
	return "interrupt"
}

// run is what stays of a command.
type run struct {
	executor *Executor
	alive    context.Context // of the command's background children
	kill     context.CancelFunc
	children []<-chan struct{} // guarded by executor.mu
}

func (r *run) background(child func(ctx context.Context)) {
	ended := make(chan struct{})
	r.executor.mu.Lock()
	r.children = append(r.children, ended)
	r.executor.children = append(r.executor.children, ended)
	r.executor.mu.Unlock()
	go func() {
		defer close(ended)
		child(r.alive)
	}()
}

// end takes the children of a cancelled command with it: they are in its group.
func (r *run) end(ctx context.Context) {
	if ctx.Err() == nil {
		return
	}
	r.endAll()
}

// endAll ends all children.
func (r *run) endAll() {
	r.kill()
	r.executor.mu.Lock()
	children := r.children
	r.executor.mu.Unlock()
	for _, ended := range children {
		<-ended
	}
}

// sink is a standard output that goes elsewhere once the command has ended.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return len(p), nil
	}
	return s.w.Write(p)
}

func (s *sink) redirect(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	if l.w == nil {
		return len(p), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
