package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"multirunner/common"
)

// fakeExecutor runs scripts in a language of its own, one command a line:
//
//	out TEXT          a line to standard output, with $NAME of the environment
//	err TEXT          the same to standard error
//	raw "TEXT"        a quoted Go string to standard output, as it is
//	file NAME "TEXT"  appends a quoted Go string to the file in $NAME
//	fill NAME COUNT   appends so many bytes to it
//	rm NAME           removes the file in $NAME
//	sleep DURATION    until it is over or the process is interrupted
//	trap DURATION     an interrupted process takes so long to end
//	late TEXT         a background child writes when the next command starts
//	exit CODE, signal NAME, panic TEXT
type fakeExecutor struct {
	missing    []string                    // programs that LookPath does not find
	nodes      map[string]string           // versions by path; nil for one node of version 20 wherever it is looked for
	prepare    func(context.Context) error // nil for success
	failures   map[string]error            // of methods, by name
	refuse     string                      // names that WriteTemp refuses begin so; "" for none
	baseEnv    []string
	disk       map[string]string           // real directories, by what the job calls them
	background func()                      // runs in StopBackground
	cleanUp    func(context.Context) error // runs in Cleanup; nil for success

	mu       sync.Mutex
	files    map[string][]byte // below temp
	commands []common.Command
	late     []func()
	calls    []string // of Prepare, StopBackground and Cleanup
}

func newFake() *fakeExecutor {
	return &fakeExecutor{
		files:   make(map[string][]byte),
		baseEnv: []string{"PATH=/usr/bin:/bin", "HOME=/job/home", "LANG=C.UTF-8"},
	}
}

func (f *fakeExecutor) call(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	return f.failures[name]
}

func (f *fakeExecutor) Prepare(ctx context.Context, log io.Writer) error {
	if err := f.call("Prepare"); err != nil {
		return err
	}
	fmt.Fprintln(log, "a place is made")
	if f.prepare != nil {
		return f.prepare(ctx)
	}
	return nil
}

func (f *fakeExecutor) Paths() common.Paths {
	return common.Paths{Workspace: "/job/work/demo", Temp: "/job/temp", Home: "/job/home", ToolCache: "/tools"}
}

func (f *fakeExecutor) BaseEnv() []string { return f.baseEnv }

func (f *fakeExecutor) LookPath(_ context.Context, name, search string) (string, error) {
	if err := f.failures["LookPath"]; err != nil {
		return "", err
	}
	if f.nodes != nil && strings.HasPrefix(name, "node") {
		for dir := range strings.SplitSeq(search, ":") {
			if _, ok := f.nodes[path.Join(dir, name)]; ok {
				return path.Join(dir, name), nil
			}
		}
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	if slices.Contains(f.missing, name) {
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	return path.Join("/usr/bin", name), nil
}

func (f *fakeExecutor) WriteTemp(_ context.Context, name string, data []byte) (string, error) {
	if err := f.failures["WriteTemp"]; err != nil {
		return "", err
	}
	if f.refuse != "" && strings.HasPrefix(name, f.refuse) {
		return "", errors.New("no room")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[name] = slices.Clone(data)
	return "/job/temp/" + name, nil
}

func (f *fakeExecutor) ReadTemp(_ context.Context, name string, limit int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path.Dir(name), limit)
	}
	return slices.Clone(data), nil
}

func (f *fakeExecutor) StopBackground(context.Context) error {
	err := f.call("StopBackground")
	f.writeLate()
	if f.background != nil {
		f.background()
	}
	return err
}

func (f *fakeExecutor) Cleanup(ctx context.Context) error {
	if err := f.call("Cleanup"); err != nil || f.cleanUp == nil {
		return err
	}
	return f.cleanUp(ctx)
}

func (f *fakeExecutor) writeLate() {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	for _, write := range late {
		write()
	}
}

// nodeVersion answers node --version.
func (f *fakeExecutor) nodeVersion(cmd *common.Command) bool {
	if !strings.HasPrefix(path.Base(cmd.Path), "node") || !slices.Equal(cmd.Args, []string{"--version"}) {
		return false
	}
	version := "v20.11.1"
	if f.nodes != nil {
		version = f.nodes[cmd.Path]
	}
	if version == "" {
		return false // it does not run
	}
	fmt.Fprintln(cmd.Stdout, version)
	return true
}

// script finds the script among a command's arguments; a hook's path is one
// itself. Those of actions are real files.
func (f *fakeExecutor) script(cmd *common.Command) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, *cmd)
	for _, arg := range append([]string{cmd.Path}, cmd.Args...) {
		if _, name, ok := cutTemp(arg); ok {
			arg = strings.TrimSuffix(name, "'")
		}
		if data, ok := f.files[arg]; ok {
			return string(data), nil
		}
	}
	if len(cmd.Args) == 1 && path.Ext(cmd.Args[0]) == ".js" {
		file := cmd.Args[0]
		for name, dir := range f.disk {
			if below, ok := strings.CutPrefix(file, name+"/"); ok {
				file = path.Join(dir, below)
			}
		}
		data, err := os.ReadFile(file)
		return string(data), err
	}
	return "", fmt.Errorf("no such script: %s %q", cmd.Path, cmd.Args)
}

func (f *fakeExecutor) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	if err := f.failures["Run"]; err != nil {
		return common.ExitStatus{}, err
	}
	if f.nodeVersion(cmd) {
		return common.ExitStatus{}, nil
	}
	script, err := f.script(cmd)
	if err != nil {
		return common.ExitStatus{}, err
	}
	f.writeLate()
	return f.interpret(ctx, script, cmd), nil
}

func (f *fakeExecutor) interpret(ctx context.Context, script string, cmd *common.Command) common.ExitStatus {
	p := fakeProcess{executor: f, cmd: cmd}
	for line := range strings.SplitSeq(script, "\n") {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if status, ended := p.do(ctx, verb, rest); ended {
			return status
		}
	}
	return common.ExitStatus{}
}

type fakeProcess struct {
	executor *fakeExecutor
	cmd      *common.Command
	trap     time.Duration
}

func (p *fakeProcess) do(ctx context.Context, verb, rest string) (common.ExitStatus, bool) {
	switch verb {
	case "out":
		fmt.Fprintln(p.cmd.Stdout, p.expand(rest))
	case "err":
		fmt.Fprintln(p.cmd.Stderr, p.expand(rest))
	case "raw":
		io.WriteString(p.cmd.Stdout, unquote(rest))
	case "file":
		name, text, _ := strings.Cut(rest, " ")
		p.file(name, func(data []byte) []byte { return append(data, unquote(text)...) })
	case "fill":
		name, count, _ := strings.Cut(rest, " ")
		n, _ := strconv.Atoi(count)
		p.file(name, func(data []byte) []byte { return append(data, bytes.Repeat([]byte("x"), n)...) })
	case "rm":
		p.file(rest, nil)
	case "trap":
		p.trap, _ = time.ParseDuration(rest)
	case "sleep":
		return p.sleep(ctx, rest)
	case "late":
		late, text := p.cmd.Late, rest
		p.executor.mu.Lock()
		p.executor.late = append(p.executor.late, func() { fmt.Fprintln(late, text) })
		p.executor.mu.Unlock()
	case "exit":
		code, _ := strconv.Atoi(rest)
		return common.ExitStatus{Code: code}, true
	case "signal":
		return common.ExitStatus{Code: -1, Signal: rest}, true
	case "panic":
		panic(rest)
	}
	return common.ExitStatus{}, false
}

func (p *fakeProcess) sleep(ctx context.Context, text string) (common.ExitStatus, bool) {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	select {
	case <-time.After(d):
		return common.ExitStatus{}, false
	case <-ctx.Done():
	}
	if errors.Is(context.Cause(ctx), common.ErrKill) {
		return common.ExitStatus{Code: -1, Signal: "killed"}, true
	}
	if p.trap > 0 {
		time.Sleep(p.trap)
		fmt.Fprintln(p.cmd.Stdout, "trapped")
		return common.ExitStatus{Code: 0}, true
	}
	return common.ExitStatus{Code: -1, Signal: "interrupt"}, true
}

func (p *fakeProcess) env(name string) string {
	for _, item := range slices.Backward(p.cmd.Env) {
		if value, ok := strings.CutPrefix(item, name+"="); ok {
			return value
		}
	}
	return "(unset)"
}

func (p *fakeProcess) expand(text string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "$")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		end := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		if end < 0 {
			end = len(rest)
		}
		out.WriteString(p.env(rest[:end]))
		text = rest[end:]
	}
}

// file changes a file below temp; nil removes it.
func (p *fakeProcess) file(variable string, change func([]byte) []byte) {
	_, name, _ := cutTemp(p.env(variable))
	p.executor.mu.Lock()
	defer p.executor.mu.Unlock()
	if change == nil {
		delete(p.executor.files, name)
		return
	}
	p.executor.files[name] = change(p.executor.files[name])
}

// cutTemp gives what stands before and below the temp directory in a text,
// whatever it is called there.
func cutTemp(text string) (before, name string, ok bool) {
	for _, temp := range []string{"/job/temp/", "/__w/_temp/"} {
		if before, name, ok := strings.Cut(text, temp); ok {
			return before, name, true
		}
	}
	before, name, ok = strings.Cut(text, "/github/file_commands/")
	return before, "_runner_file_commands/" + name, ok
}

func unquote(text string) string {
	s, err := strconv.Unquote(text)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", text, err))
	}
	return s
}
