package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"multirunner/executors/docker/policy"
)

// makeNetwork makes the network of the job's containers, unless the operator
// has named one.
func (e *Executor) makeNetwork(ctx context.Context, out *rows) error {
	if mode := e.spec.Docker.NetworkMode; mode != "" {
		e.mu.Lock()
		e.network = mode
		e.mu.Unlock()
		return nil
	}
	if err := e.touch(); err != nil {
		return err
	}
	out.say("Creating the job's network")
	made, err := e.engine.NetworkCreate(ctx, e.containerName("net"), client.NetworkCreateOptions{
		Driver: "bridge", Labels: e.newLabels(nil),
	})
	if err != nil {
		return networkError(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.network, e.running.Network = made.ID, made.ID
	return nil
}

func networkError(err error) error {
	if strings.Contains(err.Error(), "non-overlapping") || strings.Contains(err.Error(), "fully subnetted") {
		err = errors.Join(err, errors.New("the engine has no addresses left for another network: remove unused ones (docker network prune), or give it more (default-address-pools in its daemon.json)"))
	}
	return fmt.Errorf("make the job's network: %w", err)
}

// connect puts a container that is to be made into the job's network, unless
// its settings name another one.
func (e *Executor) connect(create *policy.Create, alias string) *network.NetworkingConfig {
	e.mu.Lock()
	name := e.network
	e.mu.Unlock()
	if name == "" {
		name = e.spec.Docker.NetworkMode // a docker action of a job without containers
	}
	if create.Host.NetworkMode != "" {
		name = string(create.Host.NetworkMode)
	}
	create.Host.NetworkMode = container.NetworkMode(name)
	if name == "" || !create.Host.NetworkMode.IsUserDefined() {
		return nil // such networks know no names
	}
	endpoint := create.Endpoint
	if alias != "" {
		endpoint.Aliases = append([]string{alias}, endpoint.Aliases...)
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{name: &endpoint}}
}
