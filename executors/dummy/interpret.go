package dummy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"multirunner/common"
)

// Interpret plays the command's script as a shell would, in the words echo, cat,
// env, export, NAME=value, sleep, wait, true, false, exit, trap, kill and rm;
// set and cd do nothing, others are not found. -e among the command's arguments
// ends the script at a failure. Text in quotes, $NAME,
// ; && || & and groups in { } and ( ), > >> and >&2 mean what they mean in a
// shell; files are those below the temp directory. When ctx is done the script
// gets the interrupt, after the job's graceful_kill_timeout the terminate, after
// its force_kill_timeout the kill, which trap may react to; the kill alone when
// the cause is common.ErrKill.
func (c *Call) Interpret(ctx context.Context) common.ExitStatus {
	list, err := parse(c.Text)
	if err != nil {
		c.PrintErr("dummy: syntax error: " + err.Error())
		return common.ExitStatus{Code: 2}
	}
	in := &interpreter{
		call: c, ctx: ctx, stdout: c.stdout, stderr: c.stderr,
		env: map[string]string{}, traps: map[string]string{},
		errexit: slices.Contains(c.Command.Args, "-e"),
		gaps:    [...]time.Duration{c.Executor.spec.Shell.GracefulKillTimeout.Std(), c.Executor.spec.Shell.ForceKillTimeout.Std()},
	}
	for _, kv := range c.Command.Env {
		if k, v, ok := strings.Cut(kv, "="); ok {
			in.env[k] = v
		}
	}
	code, err := in.list(list)
	var end *ended
	if errors.As(err, &end) {
		return end.status
	}
	return common.ExitStatus{Code: code}
}

// ended ends a script.
type ended struct{ status common.ExitStatus }

func (e *ended) Error() string { return "the script has ended" }

func exit(code int) error { return &ended{common.ExitStatus{Code: code}} }

func signalled(name string) error { return &ended{common.ExitStatus{Code: -1, Signal: name}} }

// interpreter runs one script, or a background part of it.
type interpreter struct {
	call           *Call
	ctx            context.Context
	env            map[string]string
	stdout, stderr io.Writer
	traps          map[string]string // text by signal
	code           int               // of the last command
	errexit        bool
	children       []<-chan struct{}

	signals int // sent so far
	gaps    [2]time.Duration
	next    <-chan time.Time // when the next one is due
}

// list runs statements. With errexit a failure that nothing looks at ends the
// script.
func (in *interpreter) list(list []statement) (int, error) {
	for i, s := range list {
		if s.after == "&&" && in.code != 0 || s.after == "||" && in.code == 0 {
			continue
		}
		if err := in.poll(); err != nil {
			return 0, err
		}
		code, err := in.statement(s)
		if err != nil {
			return 0, err
		}
		in.code = code
		looked := i+1 < len(list) && list[i+1].after != ""
		if in.errexit && code != 0 && !looked {
			return code, exit(code)
		}
	}
	return in.code, nil
}

func (in *interpreter) statement(s statement) (int, error) {
	if s.background {
		in.start(s)
		return 0, nil
	}
	stdout := in.stdout
	defer func() { in.stdout = stdout }()
	var file bytes.Buffer
	switch s.redirect {
	case ">&2":
		in.stdout = in.stderr
	case ">", ">>":
		in.stdout = &file
	}
	code, err := 0, error(nil)
	if s.group != nil {
		code, err = in.list(s.group)
	} else {
		code, err = in.command(s.words)
	}
	if s.target != nil {
		if fileErr := in.save(s, file.String()); fileErr != nil && err == nil {
			fmt.Fprintf(in.stderr, "dummy: %v\n", fileErr)
			code = 1
		}
	}
	return code, err
}

func (in *interpreter) save(s statement, text string) error {
	at := in.file(in.expand(s.target))
	if at == "/dev/null" {
		return nil
	}
	if s.redirect == ">" {
		in.call.Executor.files.remove(at)
	}
	return in.call.Executor.files.append(at, text)
}

// start runs a statement as a background child. Shells let those ignore the
// interrupt.
func (in *interpreter) start(s statement) {
	s.background, s.after = false, ""
	done := make(chan struct{})
	in.children = append(in.children, done)
	child := &interpreter{
		call: in.call, env: maps.Clone(in.env), traps: map[string]string{},
		stdout: in.stdout, stderr: in.stderr, errexit: in.errexit,
	}
	in.call.run.background(func(ctx context.Context) {
		defer close(done)
		child.ctx = ctx
		_, _ = child.list([]statement{s})
	})
}

// command runs one simple command.
func (in *interpreter) command(words []word) (int, error) {
	args := make([]string, len(words))
	for i, w := range words {
		args[i] = in.expand(w)
	}
	if name, value, ok := strings.Cut(args[0], "="); ok && name != "" {
		in.env[name] = value
		return 0, nil
	}
	if f, ok := program(path.Base(args[0])); ok {
		return f(in, args[1:])
	}
	fmt.Fprintf(in.stderr, "dummy: %s: command not found\n", args[0])
	return 127, nil
}

func (in *interpreter) expand(w word) string {
	var b strings.Builder
	for _, p := range w {
		switch {
		case !p.variable:
			b.WriteString(p.text)
		case p.text == "$":
			b.WriteString("1000")
		case p.text == "?":
			fmt.Fprint(&b, in.code)
		default:
			b.WriteString(in.env[p.text])
		}
	}
	return b.String()
}

// file gives the path of a file that a script names.
func (in *interpreter) file(name string) string {
	if name == "" || path.IsAbs(name) {
		return name
	}
	dir := in.call.Command.Dir
	if !path.IsAbs(dir) {
		dir = path.Join(in.call.Executor.Paths().Workspace, dir)
	}
	return path.Join(dir, name)
}

// sleep is interrupted by a signal, as a program in the script's group is.
func (in *interpreter) sleep(until <-chan time.Time) (int, error) {
	for {
		select {
		case <-until:
			return 0, nil
		case <-in.first():
		case <-in.next:
		case <-in.hurry():
			return 0, signalled("killed")
		}
		if noticed, err := in.deliver(); err != nil || noticed {
			return 130, err
		}
	}
}

// poll delivers a signal that is due.
func (in *interpreter) poll() error {
	select {
	case <-in.first():
	case <-in.next:
	case <-in.hurry():
		return signalled("killed")
	default:
		return nil
	}
	_, err := in.deliver()
	return err
}

// first is closed when the first signal is due, nil once it was sent.
func (in *interpreter) first() <-chan struct{} {
	if in.signals > 0 {
		return nil
	}
	return in.ctx.Done()
}

// hurry is closed when a script that was sent a signal is to end at once.
func (in *interpreter) hurry() <-chan struct{} {
	if in.signals == 0 {
		return nil
	}
	return in.call.Command.Kill
}

// deliver sends the next signal, and tells whether the script noticed it.
func (in *interpreter) deliver() (bool, error) {
	names := [...]struct{ short, long string }{{"INT", "interrupt"}, {"TERM", "terminated"}}
	if in.signals == len(names) || errors.Is(context.Cause(in.ctx), common.ErrKill) {
		return true, signalled("killed")
	}
	name := names[in.signals]
	in.next = time.After(in.gaps[in.signals])
	in.signals++
	text, trapped := in.traps[name.short]
	if !trapped {
		return true, signalled(name.long)
	}
	if text == "" {
		return false, nil
	}
	list, err := parse(text)
	if err != nil {
		return true, exit(2)
	}
	_, err = in.list(list)
	return true, err
}

// sorted gives an environment as text.
func sorted(env map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "%s=%s\n", name, env[name])
	}
	return b.String()
}
