package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"multirunner/executors/docker/policy"
	"multirunner/helpers/ansi"
)

// created is a container to be made.
type created struct {
	what   string // part of its name
	alias  string // by which others of the network find it
	config container.Config
	host   container.HostConfig
	own    *policy.Create // its network and platform; nil: no network
}

// create makes a container and gives its id.
func (e *Executor) create(ctx context.Context, c created) (string, error) {
	if err := e.touch(); err != nil {
		return "", err
	}
	o := client.ContainerCreateOptions{Config: &c.config, HostConfig: &c.host, Name: e.containerName(c.what)}
	if c.own == nil {
		c.host.NetworkMode = "none"
	} else {
		wanted := *c.own
		wanted.Host = c.host
		o.NetworkingConfig = e.connect(&wanted, c.alias)
		c.host.NetworkMode = wanted.Host.NetworkMode
		o.Platform = platformOf(c.own.Platform)
		if err := e.makeVolumes(ctx, c.own.Volumes); err != nil {
			return "", err
		}
	}
	made, err := e.engine.ContainerCreate(ctx, o)
	if err != nil {
		return "", fmt.Errorf("make the container: %w", err)
	}
	for _, warning := range made.Warnings {
		e.log.WithField("why", ansi.Strip(warning)).Debug("The container engine warns")
	}
	return made.ID, nil
}

// makeVolumes makes the job's own volumes, unless they are there: the engine
// would make them without the labels by which they are removed.
func (e *Executor) makeVolumes(ctx context.Context, names []string) error {
	for _, name := range names {
		if _, err := e.engine.VolumeCreate(ctx, client.VolumeCreateOptions{Name: name, Labels: e.newLabels(nil)}); err != nil {
			return fmt.Errorf("make the volume %s: %w", name, err)
		}
	}
	return nil
}

// platformOf reads os/arch[/variant]; "" is nil.
func platformOf(text string) *ocispec.Platform {
	if text == "" {
		return nil
	}
	parts := append(strings.SplitN(text, "/", 3), "", "")
	return &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

func (e *engine) start(ctx context.Context, id string) error {
	if _, err := e.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start the container: %w", err)
	}
	return nil
}

// pipe is a connection to the streams of a container. What it says on standard
// error is kept apart, the last part of it.
type pipe struct {
	attached client.HijackedResponse
	out      *io.PipeReader
	copying  sync.WaitGroup
	errs     tail
	once     sync.Once
}

// attach connects to a container that is not started yet.
func (e *engine) attach(ctx context.Context, id string, stdin bool) (*pipe, error) {
	attached, err := e.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdin: stdin, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("connect to the container: %w", err)
	}
	r, w := io.Pipe()
	p := &pipe{attached: attached.HijackedResponse, out: r}
	p.copying.Go(func() {
		_, err := stdcopy.StdCopy(w, &p.errs, p.attached.Reader)
		w.CloseWithError(err) // nil is io.EOF
	})
	return p, nil
}

func (p *pipe) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *pipe) Write(b []byte) (int, error) { return p.attached.Conn.Write(b) }

// Close ends pending reads and writes.
func (p *pipe) Close() error {
	p.once.Do(func() {
		p.attached.Close()
		p.out.Close()
		p.copying.Wait()
	})
	return nil
}

// said is what came on standard error last, for people.
func (p *pipe) said() string { return p.errs.line() }

// tail keeps the end of what is written. It is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailBytes = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if over := len(t.data) - tailBytes; over > 0 {
		t.data = append([]byte(nil), t.data[over:]...)
	}
	return len(b), nil
}

func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(ansi.Strip(string(bytes.Join(bytes.Fields(t.data), []byte(" ")))), "?")
}

// inspectPatience is what a look at a container that has gone may take.
const inspectPatience = 5 * time.Second

// whyGone gives the reason why a container has ended, as far as the engine
// knows.
func (e *Executor) whyGone(id string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), inspectPatience)
	defer cancel()
	// The engine may be a moment behind.
	for range 10 {
		found, inspectErr := e.engine.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		switch {
		case errdefs.IsNotFound(inspectErr):
			return fmt.Errorf("%w: somebody has removed it", err)
		case inspectErr != nil:
			return fmt.Errorf("%w: %w", err, e.engine.explain(ctx, inspectErr))
		}
		state := found.Container.State
		switch {
		case state == nil || state.Running || state.Status == container.StateCreated:
			if !pause(ctx, removePause) {
				return err
			}
			continue
		case state.OOMKilled:
			return fmt.Errorf("%w: it was killed for want of memory%s", err, memoryOf(found.Container.HostConfig))
		case state.Error != "":
			return fmt.Errorf("%w: %s", err, state.Error)
		}
		return fmt.Errorf("%w: its exit status was %d", err, state.ExitCode)
	}
	return err
}

func memoryOf(host *container.HostConfig) string {
	if host == nil || host.Memory <= 0 {
		return ""
	}
	return fmt.Sprintf(" (its limit is %d MiB)", host.Memory>>20)
}
