package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/moby/moby/api/types/container"

	"multirunner/common"
	"multirunner/executors/docker/images"
	"multirunner/executors/docker/shim"
)

// trackingVariable marks every process of a job, as on the host.
const trackingVariable = "RUNNER_TRACKING_ID"

// answerPatience is what the first process of a container may take to answer.
const answerPatience = time.Minute

// startJob starts the job's container, whose first process is the shim, and
// connects to it.
func (e *Executor) startJob(ctx context.Context, image *images.Image, out *rows) error {
	binary, err := e.binary(ctx)
	if err != nil {
		return err
	}
	if err := e.own.MountMissing(); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	config, host := e.own.Config, e.own.Host
	config.Image = image.ID
	config.Entrypoint = append([]string{jobShim}, shim.ServeArgs()...)
	config.Cmd = nil
	config.WorkingDir = e.place.job.Workspace
	config.Labels = e.newLabels(config.Labels)
	config.AttachStdin, config.AttachStdout, config.AttachStderr = true, true, true
	config.OpenStdin, config.StdinOnce = true, true // its end is the container's
	config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	host.Mounts = append(e.place.jobMounts(binary), host.Mounts...)
	host.LogConfig = container.LogConfig{Type: "none"}
	host.Init = nil
	out.say("Starting the job's container from %s", image.Ref)
	id, err := e.create(ctx, created{what: "job", config: config, host: host, own: e.own})
	if err != nil {
		return fmt.Errorf("container: %w", err)
	}
	e.mu.Lock()
	e.running.Container = id
	e.env = e.containerEnv(image)
	e.mu.Unlock()
	if err := e.connectJob(ctx, id); err != nil {
		return fmt.Errorf("container: %w", err)
	}
	return nil
}

// connectJob starts the container and takes up the connection to the shim.
func (e *Executor) connectJob(ctx context.Context, id string) error {
	pipe, err := e.engine.attach(ctx, id, true)
	if err != nil {
		return err
	}
	if err := e.engine.start(ctx, id); err != nil {
		return errors.Join(err, pipe.Close())
	}
	dialCtx, cancel := context.WithTimeoutCause(ctx, answerPatience, fmt.Errorf("no answer within %s", answerPatience))
	defer cancel()
	c, err := shim.Dial(dialCtx, pipe, shim.ClientOptions{
		Temp: e.place.job.Temp, Workspace: e.place.job.Workspace,
		Graceful: e.spec.Shell.GracefulKillTimeout.Std(), Force: e.spec.Shell.ForceKillTimeout.Std(),
	})
	if err != nil {
		said := pipe.said()
		err = e.whyGone(id, err)
		if said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return err
	}
	e.mu.Lock()
	if !e.started {
		e.mu.Unlock()
		return errors.Join(errNotPrepared, c.Close())
	}
	hello := c.Hello()
	e.client = c
	e.running.Arch, e.running.System = hello.Arch, hello.System
	e.mu.Unlock()
	if err := e.giveAway(ctx, hello.UID, hello.GID); err != nil {
		return err
	}
	for _, dir := range []string{e.place.host.Temp, e.place.host.Home} {
		// They are the job's user's alone from now on. Only root may change them
		// once they are.
		if err := os.Chmod(dir, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// giveAway makes the container's user the owner of the directories that the
// job writes to. root needs no help; and what is somebody's own workspace
// stays as it is.
func (e *Executor) giveAway(ctx context.Context, uid, gid int) error {
	self := os.Geteuid()
	if uid == 0 || uid == self && self != 0 {
		return nil
	}
	dirs := e.ownDirectories()
	var err error
	if self == 0 {
		err = shim.Chown(uid, gid, dirs...)
	} else {
		err = e.asRoot(ctx, func(dirs []string) []string { return shim.ChownArgs(uid, gid, dirs...) }, dirs)
	}
	if err != nil {
		return fmt.Errorf("give the job's directories to the image's user %d: %w", uid, err)
	}
	return nil
}

// ownDirectories are those of this machine that are the job's alone.
func (e *Executor) ownDirectories() []string {
	dirs := []string{e.place.host.Temp, e.place.host.Home}
	if e.spec.Workspace.Mode != common.WorkspaceInPlace {
		dirs = append(dirs, e.place.host.Workspace)
	}
	return dirs
}

// connected gives the connection to the job's container.
func (e *Executor) connected() (*shim.Client, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.client == nil:
		return nil, errNotPrepared
	case e.gone != nil:
		return nil, e.gone
	}
	return e.client, nil
}

// LookPath implements common.Executor.
func (e *Executor) LookPath(ctx context.Context, name, path string) (string, error) {
	if !e.inside {
		return e.inner.LookPath(ctx, name, path)
	}
	c, err := e.connected()
	if err != nil {
		return "", err
	}
	found, err := c.LookPath(ctx, name, path)
	return found, e.told(err)
}

// Run implements common.Executor.
func (e *Executor) Run(ctx context.Context, cmd *common.Command) (common.ExitStatus, error) {
	if !e.inside {
		return e.inner.Run(ctx, cmd)
	}
	c, err := e.connected()
	if err != nil {
		return common.ExitStatus{}, err
	}
	marked := *cmd
	if e.spec.TrackingID != "" {
		marked.Env = append(slices.Clone(cmd.Env), trackingVariable+"="+e.spec.TrackingID)
	}
	status, err := c.Run(ctx, &marked)
	return status, e.told(err)
}

// WriteTemp implements common.Executor.
func (e *Executor) WriteTemp(ctx context.Context, name string, data []byte) (string, error) {
	if !e.inside {
		return e.inner.WriteTemp(ctx, name, data)
	}
	c, err := e.connected()
	if err != nil {
		return "", err
	}
	path, err := c.WriteTemp(ctx, name, data)
	return path, e.told(err)
}

// ReadTemp implements common.Executor.
func (e *Executor) ReadTemp(ctx context.Context, name string, limit int64) ([]byte, error) {
	if !e.inside {
		return e.inner.ReadTemp(ctx, name, limit)
	}
	c, err := e.connected()
	if err != nil {
		return nil, err
	}
	data, err := c.ReadTemp(ctx, name, limit)
	return data, e.told(err)
}

// StopBackground implements common.Executor. The operator's hooks run on this
// machine, also where the job's commands do not.
func (e *Executor) StopBackground(ctx context.Context) error {
	err := e.inner.StopBackground(ctx)
	if !e.inside {
		return err
	}
	c, connectErr := e.connected()
	if connectErr != nil {
		return err // what ran in the container is gone with it
	}
	stopErr := c.StopBackground(ctx)
	var gone *shim.GoneError
	if errors.As(stopErr, &gone) {
		return err
	}
	return errors.Join(err, stopErr)
}

// Host implements common.Hosted.
func (e *Executor) Host() common.Executor {
	if !e.inside {
		return nil
	}
	return e.inner
}

// told gives an error of the connection the reason why it has ended.
func (e *Executor) told(err error) error {
	var gone *shim.GoneError
	if !errors.As(err, &gone) {
		return err
	}
	e.mu.Lock()
	id, known := e.running.Container, e.gone
	e.mu.Unlock()
	if known != nil {
		return known
	}
	why := e.whyGone(id, gone)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone == nil {
		e.gone = why
	}
	return e.gone
}
