package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"multirunner/common"
)

const (
	// removeLimit is what the removal of one container may take.
	removeLimit = 30 * time.Second
	// killedLimit is how long the engine may take to tell that a killed
	// container has ended, drainLimit the same for its last output.
	killedLimit = 30 * time.Second
	drainLimit  = 10 * time.Second
	// rootLimit bounds work on the job's files.
	rootLimit = 10 * time.Minute
)

// once runs a container to its end, with the promises of common.Executor's Run,
// and removes it.
func (e *Executor) once(ctx context.Context, c created, stdout, stderr io.Writer, kill <-chan struct{}) (status common.ExitStatus, err error) {
	if ctx.Err() != nil {
		return unstarted(ctx), nil
	}
	c.config.AttachStdout, c.config.AttachStderr = true, true
	c.host.LogConfig = container.LogConfig{Type: "none"}
	id, err := e.create(ctx, c)
	if err != nil {
		return e.interrupted(ctx, err)
	}
	defer func() {
		limited, cancel := untilCleaned(ctx, removeLimit)
		defer cancel()
		if removeErr := e.engine.removeContainer(limited, id); removeErr != nil && !errdefs.IsNotFound(removeErr) {
			e.log.WithError(removeErr).Warn("A container is left until the job is over")
		}
	}()
	attached, err := e.engine.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return e.interrupted(ctx, fmt.Errorf("connect to the container: %w", err))
	}
	copied := make(chan error, 1)
	go func() { copied <- copyStreams(stdout, stderr, attached.Reader) }()
	defer func() {
		attached.Close()
		if copied != nil {
			<-copied
		}
	}()
	life, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()
	end := e.engine.ContainerWait(life, id, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	// What runs may be told before the engine's answer: a start is not given up.
	if err := e.engine.start(life, id); err != nil {
		return common.ExitStatus{}, err
	}
	status, err = e.engine.follow(ctx, id, end, escalation{
		graceful: e.spec.Shell.GracefulKillTimeout.Std(), force: e.spec.Shell.ForceKillTimeout.Std(), hurry: kill,
	})
	if err != nil {
		return status, err
	}
	drain := time.NewTimer(drainLimit)
	defer drain.Stop()
	select {
	case err := <-copied:
		copied = nil
		if err != nil {
			e.log.WithError(err).Warn("Output of a container is cut short")
		}
	case <-drain.C: // the container is over: its pipes cannot fill any more
	}
	return status, nil
}

// copyStreams takes the output of a container apart. A writer that fails loses
// no output of the other.
func copyStreams(stdout, stderr io.Writer, r io.Reader) error {
	_, err := stdcopy.StdCopy(patient{stdout}, patient{stderr}, r)
	return err
}

// patient is a writer that cannot fail; nil takes everything.
type patient struct{ w io.Writer }

func (p patient) Write(b []byte) (int, error) {
	if p.w != nil {
		_, _ = p.w.Write(b) // as common.Command says
	}
	return len(b), nil
}

// unstarted is how a command ends whose job was cancelled before it began.
func unstarted(ctx context.Context) common.ExitStatus {
	if errors.Is(context.Cause(ctx), common.ErrKill) {
		return common.ExitStatus{Code: -1, Signal: "killed"}
	}
	return common.ExitStatus{Code: -1, Signal: "interrupt"}
}

// interrupted is a start that failed, maybe since the job was cancelled.
func (e *Executor) interrupted(ctx context.Context, err error) (common.ExitStatus, error) {
	if ctx.Err() != nil {
		return unstarted(ctx), nil
	}
	return common.ExitStatus{}, err
}

// escalation is how a container is ended.
type escalation struct {
	graceful, force time.Duration
	hurry           <-chan struct{} // closed: SIGKILL now
}

// follow waits for the end of a container; when ctx is done it ends it:
// interrupt, terminate, kill, with the gaps between; at once for
// common.ErrKill.
func (e *engine) follow(ctx context.Context, id string, end client.ContainerWaitResult, by escalation) (common.ExitStatus, error) {
	select {
	case r := <-end.Result:
		return statusOf(r, false)
	case err := <-end.Error:
		return common.ExitStatus{}, fmt.Errorf("the container is gone: %w", err)
	case <-ctx.Done():
	}
	steps := []struct {
		signal string
		gap    time.Duration
	}{{"SIGINT", by.graceful}, {"SIGTERM", by.force}, {"SIGKILL", killedLimit}}
	if errors.Is(context.Cause(ctx), common.ErrKill) {
		steps = steps[2:]
	}
	hurry := by.hurry
	for i := 0; i < len(steps); i++ {
		e.signal(ctx, id, steps[i].signal)
		gap := time.NewTimer(steps[i].gap)
		select {
		case r := <-end.Result:
			gap.Stop()
			return statusOf(r, true)
		case err := <-end.Error:
			gap.Stop()
			return common.ExitStatus{}, fmt.Errorf("the container is gone: %w", err)
		case <-hurry:
			gap.Stop()
			hurry = nil
			i = max(i, len(steps)-2)
		case <-gap.C:
		}
	}
	return common.ExitStatus{Code: -1, Signal: "killed"}, fmt.Errorf("the container does not end within %s of SIGKILL", killedLimit)
}

// signal sends one; a container that has ended needs none.
func (e *engine) signal(ctx context.Context, id, name string) {
	ctx, cancel := untilCleaned(ctx, inspectPatience)
	defer cancel()
	_, _ = e.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: name})
}

// statusOf reads the end of a container. Engines tell of signals by an exit
// status of 128 and the signal's number.
func statusOf(r container.WaitResponse, ended bool) (common.ExitStatus, error) {
	if r.Error != nil && r.Error.Message != "" {
		return common.ExitStatus{}, fmt.Errorf("the container: %s", r.Error.Message)
	}
	names := map[int64]string{130: "interrupt", 137: "killed", 143: "terminated"}
	if name := names[r.StatusCode]; ended && name != "" {
		return common.ExitStatus{Code: -1, Signal: name}, nil
	}
	return common.ExitStatus{Code: int(r.StatusCode)}, nil
}

// asRoot works on directories of this machine as the root of a container:
// containers leave files there that this process may not touch. args gives the
// arguments of the shim for the directories' names in it.
func (e *Executor) asRoot(ctx context.Context, args func(dirs []string) []string, dirs []string) error {
	binary, err := e.binary(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	image := e.image
	e.mu.Unlock()
	if image == "" {
		return errors.New("there is no image to do it with")
	}
	ctx, cancel := context.WithTimeout(ctx, rootLimit)
	defer cancel()
	c := created{what: "files"}
	c.host.Mounts = append(c.host.Mounts, bind(binary, jobShim, true))
	names := make([]string, len(dirs))
	for i, dir := range dirs {
		names[i] = fmt.Sprintf("/d/%d", i)
		c.host.Mounts = append(c.host.Mounts, bind(dir, names[i], false))
	}
	c.config = container.Config{
		Image: image, User: "0:0", Entrypoint: append([]string{jobShim}, args(names)...), Labels: e.newLabels(nil),
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	// Of root's rights only those on files.
	c.host.CapDrop = []string{"ALL"}
	c.host.CapAdd = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER"}
	c.host.SecurityOpt = []string{"no-new-privileges"}
	var said tail
	status, err := e.once(ctx, c, &said, &said, nil)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !status.Success():
		return fmt.Errorf("exit status %d: %s", status.Code, strings.TrimSpace(said.line()))
	}
	return nil
}
