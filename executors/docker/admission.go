package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/go-units"

	"multirunner/common"
	"multirunner/helpers/bounded"
	"multirunner/helpers/process"
)

const (
	// scriptTimeout is what an admission script may take, scriptFor is how long
	// its answer counts.
	scriptTimeout = 5 * time.Second
	scriptFor     = 5 * time.Second
	scriptOutput  = 4 << 10 // bytes of it that are read
)

// scriptVariables are those of the runner's own that an admission script gets.
var scriptVariables = []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONFIG"}

type reservation struct{}

func (reservation) Release() {}

// Acquire implements common.ExecutorProvider: the engine answers, there is room
// where it keeps its data, and the operator's script agrees. It reserves
// nothing.
func (p *Provider) Acquire(ctx context.Context, runner *common.RunnerConfig) (common.Reservation, error) {
	if held, err := p.options.Host.Acquire(ctx, inContainers(runner)); err != nil {
		return nil, err
	} else {
		held.Release()
	}
	engine, err := p.engine(runner.Docker.Host)
	if err != nil {
		return nil, err
	}
	info, err := engine.reach(ctx)
	if err != nil {
		return nil, &common.NoRoomError{Reason: err.Error()}
	}
	if err := p.checkDisk(engine, info, runner.Docker.MinFreeDisk); err != nil {
		return nil, err
	}
	if err := p.scripts.admits(ctx, runner.Docker.AdmissionScript); err != nil {
		return nil, err
	}
	return reservation{}, nil
}

// inContainers is a registration as the host's provider is to see it: its jobs
// are not those of a user of this machine.
func inContainers(runner *common.RunnerConfig) *common.RunnerConfig {
	clone := *runner
	clone.Shell.User = ""
	return &clone
}

// checkDisk looks where the engine keeps its data, when that is here.
func (p *Provider) checkDisk(e *engine, info engineInfo, least common.Size) error {
	if least <= 0 || e.socketPath() == "" || info.Root == "" {
		return nil
	}
	if _, err := os.Stat(info.Root); err != nil {
		return nil // the engine is in another machine, or another container
	}
	free, err := p.free(info.Root)
	if err != nil {
		return fmt.Errorf("free space of %s, where the container engine keeps its data: %w", info.Root, err)
	}
	if free < uint64(least) {
		return &common.NoRoomError{Reason: fmt.Sprintf("%s are free in %s, where the container engine keeps its data; min_free_disk wants %s",
			units.BytesSize(float64(free)), info.Root, units.BytesSize(float64(least)))}
	}
	return nil
}

// scripts runs admission scripts, each once at a time, and remembers their
// answers for a short while.
type scripts struct {
	now    func() time.Time
	getenv func(string) string
	run    func(ctx context.Context, path string, env []string) (first string, status process.Status, err error)

	mu      sync.Mutex
	answers map[string]*scriptAnswer
}

type scriptAnswer struct {
	ready chan struct{} // closed when there is one
	until time.Time     // it counts, once it is ready
	err   error
}

func newScripts(getenv func(string) string) *scripts {
	return &scripts{now: time.Now, getenv: getenv, run: runScript, answers: map[string]*scriptAnswer{}}
}

// admits asks a script whether there is room: exit status 0 says yes, any other
// no, for the reason in its first line. No script is no objection.
func (s *scripts) admits(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	s.mu.Lock()
	answer := s.answers[path]
	if answer == nil || !answer.until.IsZero() && !s.now().Before(answer.until) {
		answer = &scriptAnswer{ready: make(chan struct{})}
		s.answers[path] = answer
		s.mu.Unlock()
		err := s.ask(ctx, path)
		s.mu.Lock()
		answer.err, answer.until = err, s.now().Add(scriptFor)
		close(answer.ready)
	}
	s.mu.Unlock()
	select {
	case <-answer.ready:
		return answer.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *scripts) ask(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scriptTimeout)
	defer cancel()
	var env []string
	for _, name := range scriptVariables {
		if value := s.getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	first, status, err := s.run(ctx, path, env)
	switch {
	case err != nil:
		return fmt.Errorf("[runners.docker] admission_script %s: %w", path, err)
	case ctx.Err() != nil:
		return &common.NoRoomError{Reason: fmt.Sprintf("admission_script %s did not end within %s", path, scriptTimeout)}
	case status.Code == 0 && status.Signal == "":
		return nil
	case first == "":
		return &common.NoRoomError{Reason: fmt.Sprintf("admission_script %s says no, and no reason (exit status %d)", path, status.Code)}
	}
	return &common.NoRoomError{Reason: first}
}

// runScript runs a program, and ends it and all that it started by the end of
// ctx. It gives the first line of its output.
func runScript(ctx context.Context, path string, env []string) (string, process.Status, error) {
	family := process.NewFamily()
	out := &bounded.Buffer{Most: scriptOutput}
	command, err := family.Start(process.Options{Path: path, Env: env, Stdout: out, Stderr: out})
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fs.ErrNotExist
		}
		return "", process.Status{}, err
	}
	status := command.Wait(ctx, process.Escalation{AtOnce: func(error) bool { return true }})
	err = family.Close(context.WithoutCancel(ctx))
	lines := bufio.NewScanner(strings.NewReader(out.String()))
	lines.Scan()
	return strings.ToValidUTF8(strings.TrimSpace(lines.Text()), "?"), status, err
}
