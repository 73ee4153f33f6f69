package docker

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"multirunner/common"
	"multirunner/executors/docker/images"
	"multirunner/executors/docker/policy"
)

// PrepareImage implements common.ContainerExecutor.
func (e *Executor) PrepareImage(ctx context.Context, image common.ActionImage, log io.Writer) (string, error) {
	if _, err := e.reach(ctx); err != nil {
		return "", err
	}
	out := &rows{w: log}
	if image.Image != "" {
		create, err := e.policy.Make(policy.Request{Kind: policy.Action, Container: common.Container{Image: image.Image}})
		if err != nil {
			return "", err
		}
		got, err := e.resolve(ctx, create, common.Container{}, out)
		if err != nil {
			return "", err
		}
		return got.ID, nil
	}
	store, err := e.store(e.spec.Docker.PullPolicy)
	if err != nil {
		return "", err
	}
	built, err := store.Build(ctx, images.BuildRequest{
		Root: image.Root, Dir: image.Dir, Dockerfile: image.Dockerfile, Allowed: e.allowedBase,
	}, out)
	if err != nil {
		return "", err
	}
	e.useImage(built.ID)
	return built.ID, nil
}

// allowedBase tells whether a Dockerfile may begin with an image.
func (e *Executor) allowedBase(image string) error {
	if len(e.spec.Docker.AllowedImages) == 0 {
		return nil
	}
	_, err := e.policy.Image(policy.Action, image)
	return err
}

// RunContainer implements common.ContainerExecutor.
func (e *Executor) RunContainer(ctx context.Context, run *common.ContainerRun) (common.ExitStatus, error) {
	if _, err := e.reach(ctx); err != nil {
		return common.ExitStatus{}, err
	}
	if err := e.furnish(); err != nil {
		return common.ExitStatus{}, err
	}
	create, err := e.policy.Make(policy.Request{Kind: policy.Action, Container: common.Container{Image: run.Image}, Own: true})
	if err != nil {
		return common.ExitStatus{}, err
	}
	config, host := create.Config, create.Host
	config.Image = run.Image
	config.WorkingDir = actionSpace
	config.Labels = e.newLabels(config.Labels)
	config.Env = e.actionEnv(run.Env)
	if run.Entrypoint != "" {
		config.Entrypoint = []string{e.place.toAction(run.Entrypoint)}
	}
	if run.Args != nil {
		config.Cmd = slices.Clone(run.Args)
	}
	host.Mounts = append(e.place.actionMounts(), host.Mounts...)
	status, err := e.once(ctx, created{what: "action", config: config, host: host, own: create}, run.Stdout, run.Stderr, run.Kill)
	if err != nil {
		return status, fmt.Errorf("docker action: %w", err)
	}
	return status, nil
}

// actionEnv gives the variables of a docker action, paths translated. Those for
// certificates are the operator's, where the workflow does not set them.
func (e *Executor) actionEnv(env []string) []string {
	list := e.caVariables()
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		if ok {
			list = append(list, name+"="+e.place.toAction(value))
		}
	}
	return lastOfEach(list)
}
