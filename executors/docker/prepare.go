package docker

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"multirunner/common"
	"multirunner/executors/docker/images"
	"multirunner/executors/docker/policy"
)

// Prepare implements common.Executor. It is called once.
func (e *Executor) Prepare(ctx context.Context, log io.Writer) error {
	e.mu.Lock()
	e.started = true
	e.mu.Unlock()
	if err := e.inner.Prepare(ctx, log); err != nil {
		return err
	}
	if !e.inside && len(e.asked.Services) == 0 {
		return nil
	}
	if err := e.settle(); err != nil {
		return err
	}
	out := &rows{w: log}
	e.tell(out)
	if err := e.makeContainers(ctx, out); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return nil
}

// tell says what of the workflow has no effect.
func (e *Executor) tell(out *rows) {
	for _, create := range append(slices.Clone(e.serve), e.own) {
		if create != nil {
			for _, note := range create.Notes {
				out.say("%s", note)
			}
		}
	}
}

func (e *Executor) makeContainers(ctx context.Context, out *rows) error {
	if _, err := e.reach(ctx); err != nil {
		return err
	}
	if err := e.furnish(); err != nil {
		return err
	}
	own, err := e.resolveImages(ctx, out)
	if err != nil {
		return err
	}
	if err := e.makeNetwork(ctx, out); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, s := range e.services {
		group.Go(func() error { return e.startService(groupCtx, s, out) })
	}
	if e.inside {
		group.Go(func() error { return e.startJob(groupCtx, own, out) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return e.awaitServices(ctx, out)
}

// furnish makes the directories of containers, once. For a docker action that is
// used in the middle of a job it happens then.
func (e *Executor) furnish() error {
	e.furnishing.Do(func() {
		if err := e.makeDirectories(); err != nil {
			e.unfurnished = fmt.Errorf("prepare the build directory: %w", err)
		}
	})
	return e.unfurnished
}

// makeDirectories makes the directories that containers get beside those of
// the host's executor, and keeps the job from putting others in the place of
// any: a name that the job has taken meanwhile is an error.
func (e *Executor) makeDirectories() error {
	build := e.place.build
	// The job's user must get through, and may not rename what is in it.
	mode := fs.FileMode(0o700)
	if !e.inside && e.spec.Shell.User != "" {
		mode = 0o711
	}
	if err := takeDirectory(build, mode); err != nil {
		return err
	}
	root, err := os.OpenRoot(build)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, dir := range e.ownDirectories() {
		name, err := filepath.Rel(build, dir)
		if err != nil {
			return err
		}
		if info, err := root.Lstat(name); err != nil || !info.IsDir() {
			return fmt.Errorf("the job has put something else in the place of its directory %s", name)
		}
	}
	for _, dir := range []string{actionsDir, inJobDir, inJobDir + "/home", inStepDir, inStepDir + "/home", inStepDir + "/workspace", inStepDir + "/runner_temp"} {
		if err := makeOpen(root, dir); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		inJobDir + "/workflow":       jobTemp + "/" + workflowDir,
		inStepDir + "/workflow":      actionTemp + "/" + workflowDir,
		inStepDir + "/file_commands": actionTemp + "/" + commandsDir,
	} {
		if err := root.Symlink(target, link); err != nil {
			return err
		}
	}
	if e.inside {
		// Whoever the container's user is, it must be able to look in here
		// before the directories are given to it. Others do not get this far.
		for _, dir := range []string{e.place.host.Temp, e.place.host.Home} {
			if err := os.Chmod(dir, 0o755); err != nil {
				return err
			}
		}
	}
	return e.makeCA(root)
}

// makeOpen makes a directory that every user can read.
func makeOpen(root *os.Root, dir string) error {
	if err := root.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return root.Chmod(dir, 0o755) // the umask may have taken bits
}

// resolveImages gets all images, several at a time, and gives the one of the
// job's container.
func (e *Executor) resolveImages(ctx context.Context, out *rows) (*images.Image, error) {
	var own *images.Image
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	if e.inside {
		group.Go(func() (err error) {
			var of common.Container
			if e.asked.Job != nil {
				of = *e.asked.Job
			}
			own, err = e.resolve(ctx, e.own, of, out)
			if err != nil {
				return fmt.Errorf("image of the job's container: %w", err)
			}
			return nil
		})
	}
	e.services = make([]*service, len(e.serve))
	for i, create := range e.serve {
		of := e.asked.Services[i]
		e.services[i] = &service{id: of.ID, create: create}
		group.Go(func() (err error) {
			if e.services[i].image, err = e.resolve(ctx, create, of, out); err != nil {
				return fmt.Errorf("image of the service %s: %w", of.ID, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return own, nil
}

// resolve gets the image of a container.
func (e *Executor) resolve(ctx context.Context, create *policy.Create, of common.Container, out *rows) (*images.Image, error) {
	store, err := e.store(create.Pull)
	if err != nil {
		return nil, err
	}
	image, err := store.Resolve(ctx, images.Request{
		Image: create.Config.Image, Platform: create.Platform,
		Credentials: images.Credentials{Username: of.Username, Password: of.Password},
	}, out)
	if err != nil {
		return nil, err
	}
	e.useImage(image.ID)
	return image, nil
}

// useImage notes an image that the engine has: what is left at the end is
// removed by a container of one.
func (e *Executor) useImage(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.image == "" {
		e.image = id
	}
}

// containerName names something for people who look at the engine. Random
// letters keep a second attempt from meeting the first.
func (e *Executor) containerName(what string) string {
	suffix := make([]byte, 4)
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for i := range suffix {
		suffix[i] = letters[int(e.provider.rand()*float64(len(letters)))%len(letters)]
	}
	what = strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-", r)) {
			return r
		}
		return '-'
	}, what)
	return fmt.Sprintf("runner-%s-%.40s-%s", jobName(e.spec), what, suffix)
}

// untilCleaned bounds what is to be done although the job is cancelled.
func untilCleaned(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
