package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"multirunner/common"
	"multirunner/executors/docker/images"
	"multirunner/executors/docker/policy"
	"multirunner/helpers/ansi"
	"multirunner/helpers/bounded"
)

const (
	// firstLook and slowestLook bound the gaps between looks at the health of a
	// service; they double (GitHub: 2, 4, … 32 s).
	firstLook   = 250 * time.Millisecond
	slowestLook = 32 * time.Second
	// serviceLines and serviceBytes are what is shown of a failed service's log.
	serviceLines = 200
	serviceBytes = 64 << 10
)

// service is a container beside the job.
type service struct {
	id        string // the key below services
	create    *policy.Create
	image     *images.Image
	container string
	ports     map[string]string
}

// startService starts a service. Others of the job's network find it by its
// key.
func (e *Executor) startService(ctx context.Context, s *service, out *rows) error {
	if err := s.create.MountMissing(); err != nil {
		return s.fault(err)
	}
	config := s.create.Config
	config.Image = s.image.ID
	config.Labels = e.newLabels(config.Labels)
	out.say("Starting the service %s from %s", s.id, s.image.Ref)
	id, err := e.create(ctx, created{what: s.id, alias: s.id, config: config, host: s.create.Host, own: s.create})
	if err != nil {
		return s.fault(err)
	}
	s.container = id
	if err := e.engine.start(ctx, id); err != nil {
		return s.fault(err)
	}
	return nil
}

// fault names the service of an error.
func (s *service) fault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("services.%s: %w", s.id, err)
}

// awaitServices waits until all services are ready, and notes what the job
// context tells of them.
func (e *Executor) awaitServices(ctx context.Context, out *rows) error {
	limit := e.spec.Docker.ServiceReadyTimeout.Std()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errNotReady)
		defer cancel()
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, s := range e.services {
		group.Go(func() error { return s.fault(e.awaitService(groupCtx, s, out)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.services {
		e.running.Services = append(e.running.Services, common.RunningService{ID: s.id, Container: s.container, Ports: s.ports})
	}
	return nil
}

var errNotReady = errors.New("not healthy in time")

// awaitService waits until a service is healthy. One whose health nothing
// checks is ready at once (GitHub: ContainerOperationProvider.cs).
func (e *Executor) awaitService(ctx context.Context, s *service, out *rows) error {
	for gap, told := firstLook, false; ; gap = min(2*gap, slowestLook) {
		found, err := e.engine.ContainerInspect(ctx, s.container, client.ContainerInspectOptions{})
		if err != nil {
			return e.notReady(ctx, s, out, err)
		}
		if settings := found.Container.NetworkSettings; settings != nil {
			s.ports = portsOf(settings)
		}
		state := found.Container.State
		checked := state != nil && state.Health != nil && state.Health.Status != container.NoHealthcheck
		switch {
		case state == nil || !checked && state.Running:
			return nil
		case !state.Running && !checked:
			out.say("The service %s has ended already, with exit status %d. Nothing checks its health, so the job goes on. Its log:", s.id, state.ExitCode)
			e.showLog(ctx, s, out)
			return nil
		case !state.Running:
			e.showLog(ctx, s, out)
			return fmt.Errorf("it has ended with exit status %d before it was healthy", state.ExitCode)
		case state.Health.Status == container.Healthy:
			out.say("The service %s is healthy", s.id)
			return nil
		case state.Health.Status == container.Unhealthy:
			e.showLog(ctx, s, out)
			return fmt.Errorf("its health check fails%s", lastProbe(state.Health))
		}
		if !told {
			out.say("Waiting for the service %s to be healthy", s.id)
			told = true
		}
		if !pause(ctx, gap) {
			return e.notReady(ctx, s, out, context.Cause(ctx))
		}
	}
}

// notReady is the end of waiting, for want of time or for another reason.
func (e *Executor) notReady(ctx context.Context, s *service, out *rows, err error) error {
	if !errors.Is(context.Cause(ctx), errNotReady) {
		return err
	}
	limited, cancel := untilCleaned(ctx, inspectPatience)
	defer cancel()
	e.showLog(limited, s, out)
	return fmt.Errorf("it is not healthy after %s ([runners.docker] service_ready_timeout)", e.spec.Docker.ServiceReadyTimeout)
}

// lastProbe is what the last health check has said.
func lastProbe(health *container.Health) string {
	if len(health.Log) == 0 {
		return ""
	}
	last := health.Log[len(health.Log)-1]
	text := strings.Join(strings.Fields(ansi.Strip(last.Output)), " ")
	if len(text) > 500 {
		text = text[:500]
	}
	return fmt.Sprintf(": exit status %d: %s", last.ExitCode, strings.ToValidUTF8(text, "?"))
}

// portsOf gives the host's port for each port of the container. Of two with one
// number the one of TCP counts.
func portsOf(settings *container.NetworkSettings) map[string]string {
	ports := map[string]string{}
	for port, bindings := range settings.Ports {
		name := strconv.Itoa(int(port.Num()))
		if _, taken := ports[name]; len(bindings) == 0 || taken && port.Proto() != "tcp" {
			continue
		}
		ports[name] = bindings[0].HostPort
	}
	return ports
}

// showLog shows the end of a service's log in the job's.
func (e *Executor) showLog(ctx context.Context, s *service, out *rows) {
	logs, err := e.engine.ContainerLogs(ctx, s.container, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(serviceLines)})
	if err != nil {
		out.say("%s: its log cannot be read: %v", s.id, err)
		return
	}
	defer logs.Close()
	text := bounded.Buffer{Most: serviceBytes}
	if s.create.Config.Tty {
		_, err = io.Copy(&text, logs)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, logs)
	}
	for line := range strings.Lines(text.String()) {
		out.say("%s: %s", s.id, strings.ToValidUTF8(ansi.Strip(strings.TrimRight(line, "\r\n")), "?"))
	}
	if err != nil {
		out.say("%s: the rest of its log cannot be read: %v", s.id, err)
	}
}
