package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"multirunner/common"
	"multirunner/workflow/action"
)

// maxImages is how many images are pulled or built at once.
const maxImages = 4

// wantedImage is an image that actions of the job run.
type wantedImage struct {
	image common.ActionImage
	of    *usesWork   // one that wants it, for people
	users []*usesWork // all of them
	name  string      // that the engine calls it, once it is there
	err   error
}

// title is what the log calls the image.
func (w *wantedImage) title() string {
	if w.image.Image != "" {
		return "Image " + w.image.Image
	}
	return fmt.Sprintf("Image of the action %s, built from its %s", w.of.ref, w.image.Dockerfile)
}

// isDocker tells whether the action is there and is an image.
func (w *usesWork) isDocker() bool {
	return w.action != nil && w.action.manifest.Runs.Using == action.DockerImage
}

// useImage makes an action usable that is no more than the name of an image.
func (w *usesWork) useImage() {
	w.action = &usable{manifest: &action.Manifest{
		File: w.ref.String(), Runs: action.Runs{Using: action.DockerImage, Image: imageScheme + w.ref.Image},
	}}
}

// prepareImages makes the images of those of the actions ready that are in
// containers, several at once, each once for the whole job. One that is built
// from the workspace is built for each step that uses it: what is there may
// have changed (GitHub: ContainerActionHandler.cs). Without an engine it leaves
// them to fail when their step runs.
func (j *Job) prepareImages(ctx context.Context, users []*usesWork) error {
	if j.engine == nil {
		return nil
	}
	var wanted []*wantedImage
	for _, user := range users {
		if !user.isDocker() || user.action.image != "" {
			continue
		}
		image, err := user.actionImage(j)
		if err != nil {
			return fmt.Errorf("action %s: %w", user.ref, err)
		}
		if name, ok := j.actions.images[image]; ok && user.action.keepsImage() {
			user.action.image = name
			continue
		}
		same := wantedOf(wanted, image)
		if same == nil {
			same = &wantedImage{image: image, of: user}
			wanted = append(wanted, same)
		}
		same.users = append(same.users, user)
	}
	if failed := j.getImages(ctx, wanted); ctx.Err() != nil {
		return context.Cause(ctx)
	} else if failed != nil {
		return fmt.Errorf("action %s: there is no image for it: %w", failed.of.ref, failed.err)
	}
	for _, w := range wanted {
		j.actions.images[w.image] = w.name
		for _, user := range w.users {
			user.action.image = w.name
		}
	}
	return nil
}

func wantedOf(wanted []*wantedImage, image common.ActionImage) *wantedImage {
	for _, w := range wanted {
		if w.image == image {
			return w
		}
	}
	return nil
}

// keepsImage tells whether the image is the same whenever it is made.
func (u *usable) keepsImage() bool {
	return u.at.root != "" || strings.HasPrefix(u.manifest.Runs.Image, imageScheme)
}

// actionImage tells which image the action is: a name, or a Dockerfile that is
// there. What it is built from is the Dockerfile's directory.
func (w *usesWork) actionImage(j *Job) (common.ActionImage, error) {
	written := w.action.manifest.Runs.Image
	if name, ok := strings.CutPrefix(written, imageScheme); ok {
		return common.ActionImage{Image: name}, nil
	}
	tree, err := j.openTree(w.action.at)
	if err != nil {
		return common.ActionImage{}, err
	}
	defer tree.Close()
	below, err := action.Locate(tree, w.action.at.dir, written)
	if err != nil {
		return common.ActionImage{}, fmt.Errorf("runs.image: %w", err)
	}
	root, trusted := w.action.at.root, w.action.at.root
	if root == "" {
		root, trusted = j.hostWorkspace(), j.spec.Dirs.Build
		if j.spec.Workspace.Mode == common.WorkspaceInPlace {
			trusted = root
		}
	}
	return common.ActionImage{
		Dir: filepath.Join(root, filepath.FromSlash(path.Dir(below))), Dockerfile: path.Base(below), Root: trusted,
	}, nil
}

// getImages pulls and builds, and gives the first one that failed. The others
// are given up then.
func (j *Job) getImages(ctx context.Context, wanted []*wantedImage) (failed *wantedImage) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first sync.Once
	fail := func(w *wantedImage, err error) {
		first.Do(func() { failed, w.err = w, err })
		cancel()
	}
	shown := newTurns(j.rows, len(wanted))
	free := make(chan struct{}, maxImages)
	var working sync.WaitGroup
	for i, w := range wanted {
		free <- struct{}{}
		working.Go(func() {
			defer func() { <-free }()
			defer shown.finish(i)
			if ctx.Err() != nil {
				return
			}
			log := shown.stream(i)
			defer log.flush()
			err := errors.New("the runner has failed")
			j.protect("getting an image", func() {
				fmt.Fprintln(log, "##[group]"+w.title())
				w.name, err = j.engine.PrepareImage(ctx, w.image, log)
				log.flush()
				fmt.Fprintln(log, "##[endgroup]")
			})
			if err != nil {
				fail(w, err)
			}
		})
	}
	working.Wait()
	return failed
}
