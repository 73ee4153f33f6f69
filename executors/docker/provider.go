package docker

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/helpers/diskspace"
)

// Options are what a provider depends on.
type Options struct {
	// Host gives the executors of this machine: they make and remove a job's
	// directories, and run what a job runs beside its containers.
	Host common.ExecutorProvider
	// Binary names a program that containers run as the job's init: this one,
	// where it needs nothing of the container's image. Empty looks for it.
	Binary string
	// Getenv reads this process's environment; nil is os.Getenv.
	Getenv func(string) string
}

// Provider implements common.ExecutorProvider for the executor "docker", and
// common.Sweeper.
type Provider struct {
	log     logrus.FieldLogger
	options Options
	free    func(dir string) (uint64, error) // diskspace.Free
	rand    func() float64
	scripts *scripts

	mu      sync.Mutex
	engines map[string]*engine // by host
}

// inherited are the variables of the runner's own that a job process needs to
// find the engine and the credentials for registries. Jobs do not get them.
var inherited = []string{"DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "HOME", "PATH", "XDG_RUNTIME_DIR"}

// NewProvider gives the provider. A nil log is silent.
func NewProvider(log logrus.FieldLogger, o Options) *Provider {
	if log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		log = silent
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return &Provider{
		log: log, options: o, free: diskspace.Free, rand: rand.Float64, scripts: newScripts(o.Getenv), engines: map[string]*engine{},
	}
}

// Name implements common.ExecutorProvider.
func (p *Provider) Name() string { return "docker" }

// Schemes implements common.ExecutorProvider.
func (p *Provider) Schemes() []string { return []string{"docker"} }

// Available implements common.ExecutorProvider for registrations that name no
// engine.
func (p *Provider) Available(ctx context.Context) error { return p.AvailableAt(ctx, p.host("")) }

// Place implements common.Located: the address of the registration's engine.
func (p *Provider) Place(runner *common.RunnerConfig) string { return p.host(runner.Docker.Host) }

// AvailableAt implements common.Located. An engine that has answered before is
// one, also while it is away.
func (p *Provider) AvailableAt(ctx context.Context, host string) error {
	engine, err := p.engine(host)
	if err != nil {
		return err
	}
	if engine.wasReached() {
		return nil
	}
	return present(ctx, engine.host)
}

func (p *Provider) host(configured string) string { return engineHost(configured, p.options.Getenv) }

// engine gives the connection to an engine, one for each address.
func (p *Provider) engine(configured string) (*engine, error) {
	host := p.host(configured)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.engines[host]; e != nil {
		return e, nil
	}
	e, err := newEngine(host, p.rand)
	if err != nil {
		return nil, err
	}
	p.engines[host] = e
	return e, nil
}

// Close gives the connections up. Nothing of the provider may be used any more.
func (p *Provider) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, e := range p.engines {
		err = errors.Join(err, e.Close())
	}
	clear(p.engines)
	return err
}

// Inherits implements common.ExecutorProvider.
func (p *Provider) Inherits(runner *common.RunnerConfig) []string {
	return append(slices.Clone(p.options.Host.Inherits(runner)), inherited...)
}

// Create implements common.ExecutorProvider: commands run in a container of
// the label's image.
func (p *Provider) Create(spec *common.JobSpec) (common.Executor, error) {
	return p.create(spec, true)
}

// Beside gives the provider of executors on the host that have containers at
// hand: for services, docker actions, and a job's own container. It has the
// name and the schemes of the host's, and the engine is not touched before a
// job needs it.
func (p *Provider) Beside() *Beside { return &Beside{ExecutorProvider: p.options.Host, docker: p} }

// Beside implements common.ExecutorProvider for jobs on the host.
type Beside struct {
	common.ExecutorProvider
	docker *Provider
}

// Inherits implements common.ExecutorProvider.
func (b *Beside) Inherits(runner *common.RunnerConfig) []string { return b.docker.Inherits(runner) }

// Create implements common.ExecutorProvider.
func (b *Beside) Create(spec *common.JobSpec) (common.Executor, error) {
	return b.docker.create(spec, false)
}

var (
	_ common.ExecutorProvider = (*Provider)(nil)
	_ common.Located          = (*Provider)(nil)
	_ common.Sweeper          = (*Provider)(nil)
	_ common.ExecutorProvider = (*Beside)(nil)
)
