// Package shell runs jobs on this machine: each in a directory of its own, each
// command in a process group of its own, as this process's user or as another.
package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/diskspace"
	"multirunner/helpers/process"
)

const (
	// minFree is the space that a build must find at least. It is no promise
	// that the build gets along with it: below it nothing would.
	minFree = 64 << 20
	// userMemory is how long a user that was found counts as known. Looking one
	// up may ask a directory server, and every poll wants to know.
	userMemory = time.Minute
)

// Options are what a provider depends on.
type Options struct {
	// Builds is the directory that build directories are made in: Acquire wants
	// room there. Empty asks for none.
	Builds string
	// Family starts the commands. A job process gives the one that is a
	// subreaper; nil gives each executor one of its own, from which children in
	// sessions of their own are found by the tracking id only.
	Family *process.Family
}

// Provider implements common.ExecutorProvider for the executor "shell".
type Provider struct {
	log     logrus.FieldLogger
	options Options
	free    func(dir string) (uint64, error) // diskspace.Free

	mu    sync.Mutex
	users map[string]time.Time // known until
}

// NewProvider gives the provider. A nil log is silent.
func NewProvider(log logrus.FieldLogger, o Options) *Provider {
	if log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		log = silent
	}
	return &Provider{log: log, options: o, free: diskspace.Free, users: map[string]time.Time{}}
}

// Name implements common.ExecutorProvider.
func (p *Provider) Name() string { return "shell" }

// Schemes implements common.ExecutorProvider.
func (p *Provider) Schemes() []string { return []string{"host"} }

// Available implements common.ExecutorProvider: every machine can do it.
func (p *Provider) Available(context.Context) error { return nil }

// Acquire implements common.ExecutorProvider. It reserves nothing: there is room
// unless the disk is full.
func (p *Provider) Acquire(_ context.Context, runner *common.RunnerConfig) (common.Reservation, error) {
	if err := p.checkUser(runner.Shell.User); err != nil {
		return nil, err
	}
	if err := p.checkRoom(); err != nil {
		return nil, err
	}
	return reservation{}, nil
}

type reservation struct{}

func (reservation) Release() {}

// checkUser tells whether jobs can run as the user.
func (p *Provider) checkUser(name string) error {
	if name == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.users[name]) {
		return nil
	}
	if _, err := findUser(name); err != nil {
		return err
	}
	p.users[name] = time.Now().Add(userMemory)
	return nil
}

// findUser gives the user that commands run as; nil for this process's own.
func findUser(name string) (*process.User, error) {
	if name == "" {
		return nil, nil
	}
	user, err := process.LookupUser(name)
	if err != nil {
		return nil, fmt.Errorf("[runners.shell] user: %w: create it, or take the key out", err)
	}
	if !user.MayRunAs() {
		return nil, fmt.Errorf("[runners.shell] user: only a runner that runs as root can run jobs as %s: run it as root, or as %s, or take the key out", name, name)
	}
	return user, nil
}

func (p *Provider) checkRoom() error {
	if p.options.Builds == "" {
		return nil
	}
	dir := existing(p.options.Builds)
	free, err := p.free(dir)
	if err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free < minFree {
		return &common.NoRoomError{Reason: fmt.Sprintf("%d MiB are free in %s, a build wants %d", free>>20, dir, minFree>>20)}
	}
	return nil
}

// existing gives the directory, or the nearest above it that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir
		}
		dir = parent
	}
}

// Inherits implements common.ExecutorProvider.
func (p *Provider) Inherits(runner *common.RunnerConfig) []string {
	return slices.Concat(allowed, runner.Shell.PassEnvironment)
}

// Create implements common.ExecutorProvider.
func (p *Provider) Create(spec *common.JobSpec) (common.Executor, error) {
	if err := checkSpec(spec); err != nil {
		return nil, err
	}
	user, err := findUser(spec.Shell.User)
	if err != nil {
		return nil, err
	}
	family := p.options.Family
	if family == nil {
		family = process.NewFamily()
	}
	e := &Executor{
		log:    p.log.WithField("executor", p.Name()),
		spec:   spec,
		family: family,
		user:   user,
		paths: common.Paths{
			Workspace: filepath.Join(spec.Dirs.Build, "work"),
			Temp:      filepath.Join(spec.Dirs.Build, "temp"),
			Home:      filepath.Join(spec.Dirs.Build, "home"),
			ToolCache: spec.Dirs.Tools,
		},
	}
	if spec.Workspace.Mode == common.WorkspaceInPlace {
		e.paths.Workspace = spec.Workspace.Source
	}
	e.env = baseEnv(spec, e.paths.Home, accountName(user), os.LookupEnv)
	return e, nil
}

// checkSpec refuses what would make Cleanup remove the wrong directory.
func checkSpec(spec *common.JobSpec) error {
	build := spec.Dirs.Build
	if !filepath.IsAbs(build) || filepath.Dir(build) == filepath.Clean(build) {
		return fmt.Errorf("build directory %q: an absolute path is wanted", build)
	}
	switch spec.Workspace.Mode {
	case "", common.WorkspaceEmpty:
		return nil
	case common.WorkspaceCopy, common.WorkspaceInPlace:
		if !filepath.IsAbs(spec.Workspace.Source) {
			return fmt.Errorf("workspace source %q: an absolute path is wanted", spec.Workspace.Source)
		}
		return nil
	}
	return fmt.Errorf("workspace mode %q is none of empty, copy and in-place", spec.Workspace.Mode)
}
