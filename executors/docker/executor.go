package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/executors/docker/images"
	"multirunner/executors/docker/policy"
	"multirunner/executors/docker/shim"
)

var errNotPrepared = errors.New("the executor is not prepared")

// Executor implements common.ContainerExecutor and common.Importer for one job.
// An executor of the host makes and removes the job's directories; it also runs
// the commands where they do not run in a container.
type Executor struct {
	log      logrus.FieldLogger
	provider *Provider
	spec     *common.JobSpec
	inner    common.Executor
	labels   map[string]string
	repo     string // the last part of the repository's name

	// Set by Create and Require, before Prepare.
	inside bool // commands run in a container
	asked  common.JobContainers
	place  place
	own    *policy.Create // of the job's container
	serve  []*policy.Create

	connecting sync.Mutex
	engine     *engine // nil until something needs it
	policy     *policy.Policy
	stores     map[string]*images.Store // by pull policy

	furnishing  sync.Once
	unfurnished error

	mu       sync.Mutex
	started  bool // Prepare has begun; Cleanup has not
	touched  bool // the engine may have something of the job
	client   *shim.Client
	gone     error // why the job's container is gone, once that was found out
	env      []string
	running  common.RunningContainers
	network  string // that containers of the job are in: an id, or a mode
	image    string // one that the engine has
	services []*service
	imports  map[string]*imported
}

// create makes an executor. inside: commands run in a container of the label's
// image.
func (p *Provider) create(spec *common.JobSpec, inside bool) (common.Executor, error) {
	task, err := spec.DecodeTask()
	if err != nil {
		return nil, fmt.Errorf("task: %w", err)
	}
	hosted := spec
	if inside {
		clone := *spec
		clone.Shell.User = "" // of this machine, and no matter in a container
		hosted = &clone
	}
	inner, err := p.options.Host.Create(hosted)
	if err != nil {
		return nil, err
	}
	e := &Executor{
		log: p.log.WithField("executor", p.Name()), provider: p, spec: spec, inner: inner, inside: inside,
		labels: labelsOf(spec, task.GetId()), repo: repositoryName(task.GetContext().GetFields()["repository"].GetStringValue()),
		stores: map[string]*images.Store{}, imports: map[string]*imported{},
	}
	e.place = newPlace(spec, inner.Paths(), e.repo, inside)
	return e, nil
}

// Require implements common.ContainerExecutor.
func (e *Executor) Require(asked common.JobContainers) error {
	if asked.Job != nil {
		e.inside = true
		e.place = newPlace(e.spec, e.inner.Paths(), e.repo, true)
	}
	e.asked = asked
	if !e.inside && len(asked.Services) == 0 {
		return nil
	}
	return e.settle()
}

// settle finds out what containers the job gets, before anything is made.
func (e *Executor) settle() error {
	if e.own != nil || len(e.serve) > 0 {
		return nil
	}
	rules, err := e.rules()
	if err != nil {
		return err
	}
	var errs []error
	if e.inside {
		request, err := e.jobRequest()
		if err == nil {
			e.own, err = rules.Make(request)
		}
		errs = append(errs, err)
	}
	for _, s := range e.asked.Services {
		create, err := rules.Make(policy.Request{Kind: policy.Service, Container: s})
		errs = append(errs, err)
		e.serve = append(e.serve, create)
	}
	return errors.Join(errs...)
}

// jobRequest is the job's container: the workflow's, else one of the label's
// image.
func (e *Executor) jobRequest() (policy.Request, error) {
	if e.asked.Job != nil {
		return policy.Request{Kind: policy.Job, Container: *e.asked.Job}, nil
	}
	image := e.spec.LabelArg
	if image == "" {
		image = e.spec.Docker.Image
	}
	if image == "" {
		return policy.Request{}, fmt.Errorf("label %s names no image, and neither does [runners.docker] image: write %s:docker://IMAGE", e.spec.Label, e.spec.Label)
	}
	return policy.Request{Kind: policy.Job, Container: common.Container{Image: image}, Own: true}, nil
}

// rules gives what decides about the job's containers.
func (e *Executor) rules() (*policy.Policy, error) {
	e.connecting.Lock()
	defer e.connecting.Unlock()
	if e.policy != nil {
		return e.policy, nil
	}
	engine, err := e.provider.engine(e.spec.Docker.Host)
	if err != nil {
		return nil, err
	}
	e.engine = engine
	var publish netip.Addr // the zero one is loopback
	e.policy = policy.New(e.spec.Docker, policy.Options{
		Volumes: e.uniqueName(), Socket: engine.socketPath(), Publish: publish,
		Own: e.place.directories(), Hidden: []string{stateRoot(e.spec)},
	})
	return e.policy, nil
}

// uniqueName is a word that no other job has.
func (e *Executor) uniqueName() string {
	instance := e.spec.Instance
	return fmt.Sprintf("%s-%s", instance[:min(8, len(instance))], jobName(e.spec))
}

// stateRoot is the directory that has the runner's secrets in it.
func stateRoot(spec *common.JobSpec) string { return filepath.Dir(filepath.Dir(spec.Dirs.Build)) }

// reach makes the engine ready for the job, or says why that cannot be.
func (e *Executor) reach(ctx context.Context) (*engine, error) {
	if _, err := e.rules(); err != nil {
		return nil, err
	}
	info, err := e.engine.reach(ctx)
	if err != nil {
		return nil, err
	}
	if info.System != "linux" {
		return nil, fmt.Errorf("the container engine at %s runs %s containers: jobs need Linux ones", e.engine.host, info.System)
	}
	return e.engine, nil
}

// store gives what gets images by a pull policy.
func (e *Executor) store(pull common.PullPolicy) (*images.Store, error) {
	e.connecting.Lock()
	defer e.connecting.Unlock()
	key := fmt.Sprint(pull)
	if s := e.stores[key]; s != nil {
		return s, nil
	}
	locks := filepath.Join(stateRoot(e.spec), "image-locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, err
	}
	s := images.New(images.Options{
		Engine: e.engine.Client, Policy: pull, Platform: e.spec.Docker.Platform, Registries: e.spec.Registries,
		DockerConfig: dockerConfig(e.provider.options.Getenv), Locks: locks, Log: e.log,
	})
	e.stores[key] = s
	return s, nil
}

// dockerConfig is the directory with the operator's credentials for registries.
func dockerConfig(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".docker")
	}
	return ""
}

// Paths implements common.Executor.
func (e *Executor) Paths() common.Paths { return e.place.job }

// BaseEnv implements common.Executor.
func (e *Executor) BaseEnv() []string {
	if !e.inside {
		return e.inner.BaseEnv()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.env)
}

// Containers implements common.ContainerExecutor.
func (e *Executor) Containers() common.RunningContainers {
	e.mu.Lock()
	defer e.mu.Unlock()
	running := e.running
	running.Services = slices.Clone(running.Services)
	return running
}

// JobPath implements common.ContainerExecutor.
func (e *Executor) JobPath(path string) string { return e.place.toJob(path) }

// newLabels gives the labels of one thing that is made for the job.
func (e *Executor) newLabels(more map[string]string) map[string]string {
	labels := maps.Clone(e.labels)
	maps.Copy(labels, more)
	return labels
}

// touch notes that there may be something to remove from now on. It is refused
// once Cleanup has begun: nothing would remove what is made then.
func (e *Executor) touch() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		return errNotPrepared
	}
	e.touched = true
	return nil
}

// rows writes lines for the user, each in one write, from several goroutines.
type rows struct {
	mu sync.Mutex
	w  io.Writer
}

func (r *rows) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.w, format+"\n", args...) // the job goes on when its log does not
}

func (r *rows) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w.Write(p)
}

var (
	_ common.ContainerExecutor = (*Executor)(nil)
	_ common.Importer          = (*Executor)(nil)
	_ common.Hosted            = (*Executor)(nil)
)
