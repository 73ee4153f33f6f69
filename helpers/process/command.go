package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Options say what to start and where its output goes.
type Options struct {
	Path string   // of the program; it is not looked up
	Name string   // the program's own name for itself; empty: the last element of Path
	Args []string // without the name
	Dir  string   // empty: this process's own
	Env  []string // K=V, the whole environment: nil is an empty one
	// Stdin is the command's standard input; nil is the null device.
	Stdin *os.File
	// Stdout and Stderr take the output until Wait returns; nil drops it. Each
	// is written to by one goroutine at a time; when both are the same writer,
	// one pipe keeps the order. Write errors are ignored.
	Stdout, Stderr io.Writer
	// Late takes what comes after Wait has returned, until all processes that
	// hold the output have closed it; nil drops it. All Late writers of a
	// family are written to by one goroutine at a time.
	Late io.Writer
	// User runs the command as somebody else; nil changes nothing.
	User *User
	// Quiet and Drain bound the end of a command whose output stays open after
	// its main process: it is over when nothing came for Quiet (0: 100 ms), at
	// most after Drain (0: 5 s).
	Quiet, Drain time.Duration
}

// Command is a started command.
type Command struct {
	family  *Family
	pid     int
	group   *group
	output  *output
	quiet   time.Duration
	drain   time.Duration
	exited  chan struct{} // closed when the main process is waited for
	drained chan struct{} // closed when all output is read
	status  Status        // valid after exited
}

// Start starts a command in a process group of its own. The caller calls Wait.
func (f *Family) Start(o Options) (*Command, error) {
	f.forgetEmpty()
	return f.start(o, f.usableCgroup())
}

func (f *Family) start(o Options, group *cgroup) (*Command, error) {
	out, err := f.newOutput(o)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Path, err)
	}
	c := &Command{
		family:  f,
		output:  out,
		quiet:   orDefault(o.Quiet, 100*time.Millisecond),
		drain:   orDefault(o.Drain, 5*time.Second),
		exited:  make(chan struct{}),
		drained: make(chan struct{}),
	}

	f.fork.RLock()
	cmd, err := spawn(o, out, group)
	if err != nil {
		f.fork.RUnlock()
		out.discard()
		return nil, err
	}
	c.pid = cmd.Process.Pid
	c.group = newGroup(cmd)
	f.mu.Lock()
	f.running[c.pid] = c
	f.reading[c] = struct{}{}
	f.groups[c] = struct{}{}
	f.mu.Unlock()
	f.fork.RUnlock()

	out.start()
	go c.await(cmd)
	go c.awaitOutput()
	return c, nil
}

// spawn starts the program, in the cgroup when there is one that takes it.
func spawn(o Options, out *output, group *cgroup) (*exec.Cmd, error) {
	cmd, err := startCmd(o, out, group)
	if err == nil || group == nil {
		return cmd, err
	}
	// Old kernels and some sandboxes refuse to start a process in a cgroup.
	// When it starts without, the cgroup was the reason; when it does not, that
	// error is the one to tell.
	cmd, err = startCmd(o, out, nil)
	if err == nil {
		group.move(cmd.Process.Pid)
	}
	return cmd, err
}

func startCmd(o Options, out *output, group *cgroup) (*exec.Cmd, error) {
	name := o.Name
	if name == "" {
		name = filepath.Base(o.Path)
	}
	cmd := &exec.Cmd{
		Path:        o.Path,
		Args:        append([]string{name}, o.Args...),
		Dir:         o.Dir,
		Env:         append([]string{}, o.Env...), // never nil, which would be ours
		SysProcAttr: sysProcAttr(o.User, group),
	}
	// A nil *os.File must not become a non-nil interface.
	if o.Stdin != nil {
		cmd.Stdin = o.Stdin
	}
	if w := out.stdoutEnd(); w != nil {
		cmd.Stdout = w
	}
	if w := out.stderrEnd(); w != nil {
		cmd.Stderr = w
	}
	return cmd, cmd.Start()
}

// await owns the waiting for the main process.
func (c *Command) await(cmd *exec.Cmd) {
	// The error repeats the state, or says that there is none.
	_ = cmd.Wait()
	status := killed()
	if cmd.ProcessState != nil {
		status = c.group.status(cmd.ProcessState)
	}
	c.family.mu.Lock()
	c.status = status
	delete(c.family.running, c.pid)
	c.family.mu.Unlock()
	close(c.exited)
}

func (c *Command) awaitOutput() {
	c.output.await()
	c.family.mu.Lock()
	delete(c.family.reading, c)
	c.family.mu.Unlock()
	close(c.drained)
}

// Wait returns how the command ended: its main process has exited and what it
// wrote is read, or ctx was done and its process group was ended as e says.
// From then on output goes to Late. Wait is called once.
func (c *Command) Wait(ctx context.Context, e Escalation) Status {
	select {
	case <-c.exited:
	case <-ctx.Done():
		c.end(context.Cause(ctx), e)
	}
	c.output.settle(c.quiet, c.drain)
	c.forgetGroup()
	if c.running() {
		return killed()
	}
	return c.status
}

// PID is the main process's, and on Unix its group's.
func (c *Command) PID() int { return c.pid }

// Drained is closed when nobody holds the command's output any more.
func (c *Command) Drained() <-chan struct{} { return c.drained }

func (c *Command) running() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

// forgetGroup drops a group that nothing was left in.
func (c *Command) forgetGroup() {
	c.family.mu.Lock()
	defer c.family.mu.Unlock()
	c.family.forget(c)
}

func orDefault(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}
