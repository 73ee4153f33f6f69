package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"

	"multirunner/common"
	"multirunner/executors/docker/images"
)

// Images of actions that are older, or more than so many, are removed when no
// container uses them: what they are made from has changed since.
const (
	builtAge  = 14 * 24 * time.Hour
	builtKeep = 200
)

// Sweep implements common.Sweeper. Engines that registrations with jobs in
// containers mean must answer; those that may only have been used beside jobs
// on the host are looked at when they do.
func (p *Provider) Sweep(ctx context.Context, s common.Swept) error {
	if s.Instance == "" {
		return errors.New("sweep: no instance")
	}
	var errs []error
	for host, needed := range p.sweptHosts(s.Runners) {
		if !needed && present(ctx, host) != nil {
			continue
		}
		if err := p.sweepHost(ctx, host, s); err != nil && needed {
			errs = append(errs, err)
		} else if err != nil {
			p.log.WithError(err).Debug("Containers of dead jobs are not looked for")
		}
	}
	return errors.Join(errs...)
}

// sweptHosts gives the engines that jobs may have used, and whether jobs in
// containers are among them.
func (p *Provider) sweptHosts(runners []*common.RunnerConfig) map[string]bool {
	hosts := map[string]bool{}
	for _, r := range runners {
		host := p.host(r.Docker.Host)
		needed := r.Executor == p.Name() || slices.ContainsFunc(r.ParsedLabels(), func(l common.Label) bool {
			return slices.Contains(p.Schemes(), l.Scheme)
		})
		hosts[host] = hosts[host] || needed
	}
	return hosts
}

func (p *Provider) sweepHost(ctx context.Context, host string, s common.Swept) error {
	e, err := p.engine(host)
	if err != nil {
		return err
	}
	if _, err := e.reach(ctx); err != nil {
		return err
	}
	removed, err := e.sweep(ctx, ofInstance(s.Instance), func(labels map[string]string) bool {
		// What has no job's label is nobody's who could be alive.
		return labels[labelInstance] == s.Instance && !s.Alive(labels[labelJob])
	})
	if removed.any() {
		p.log.WithFields(logrus.Fields{"containers": removed.containers, "networks": removed.networks, "volumes": removed.volumes}).
			Info("What dead jobs left in the container engine was removed")
	}
	if err != nil {
		return fmt.Errorf("remove what jobs left in the container engine at %s: %w", host, err)
	}
	// Others on the machine may use the same images: they build them again.
	store := images.New(images.Options{Engine: e.Client, Log: p.log})
	if _, err := store.Prune(ctx, images.PruneLimits{Age: builtAge, Keep: builtKeep}); err != nil {
		return fmt.Errorf("remove old images of actions from the container engine at %s: %w", host, err)
	}
	return nil
}

// removals counts what was removed.
type removals struct{ containers, networks, volumes int }

func (r removals) any() bool { return r != removals{} }

// sweep removes the containers, networks and volumes that the filter and dead
// select, in this order. After an error it goes on.
func (e *engine) sweep(ctx context.Context, filter client.Filters, dead func(labels map[string]string) bool) (removals, error) {
	var removed removals
	var errs []error
	note := func(count *int, err error) {
		switch {
		case err == nil:
			*count++
		case !errdefs.IsNotFound(err):
			errs = append(errs, err)
		}
	}
	containers, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return removed, err
	}
	for _, c := range containers.Items {
		if dead(c.Labels) {
			note(&removed.containers, e.removeContainer(ctx, c.ID))
		}
	}
	networks, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	if err != nil {
		return removed, errors.Join(append(errs, err)...)
	}
	for _, n := range networks.Items {
		if dead(n.Labels) {
			note(&removed.networks, e.removeNetwork(ctx, n.ID))
		}
	}
	volumes, err := e.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return removed, errors.Join(append(errs, err)...)
	}
	for _, v := range volumes.Items {
		if dead(v.Labels) {
			_, err := e.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
			note(&removed.volumes, err)
		}
	}
	return removed, errors.Join(errs...)
}

// removeContainer removes a container, whatever it does, and its anonymous
// volumes. One that another one is removing is waited for.
func (e *engine) removeContainer(ctx context.Context, id string) error {
	for {
		_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if !errdefs.IsConflict(err) {
			return err
		}
		if !pause(ctx, removePause) {
			return err
		}
	}
}

const removePause = 100 * time.Millisecond

// removeNetwork removes a network, and what hangs on it from containers that
// were removed a moment ago.
func (e *engine) removeNetwork(ctx context.Context, id string) error {
	for range 20 {
		_, err := e.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
		if err == nil || errdefs.IsNotFound(err) || ctx.Err() != nil {
			return err
		}
		if !errdefs.IsPermissionDenied(err) && !errdefs.IsConflict(err) {
			return err
		}
		pause(ctx, removePause)
	}
	_, err := e.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	return err
}

// pause waits, and tells whether ctx let it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
