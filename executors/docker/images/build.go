package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/build"
	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"multirunner/helpers/flock"
)

const (
	// builtRepository is that of the images that are built; the tag names the
	// content.
	builtRepository = "multirunner.local/action"
	// BuiltLabel is on every image that was built.
	BuiltLabel = "multirunner.built"
)

// Build gives the image of an action's Dockerfile. One that was built from the
// same content before, by whichever process, is used again, also when an image
// that it is made from has changed since. The builder's output goes to log.
func (s *Store) Build(ctx context.Context, request BuildRequest, log io.Writer) (*Image, error) {
	platform, err := parsePlatform(request.Platform, s.platform)
	if err != nil {
		return nil, err
	}
	packed, err := packContext(ctx, request)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	sum := sha256.Sum256([]byte(packed.digest + " " + platformText(platform)))
	tag := hex.EncodeToString(sum[:16])
	return s.flights.do(ctx, "build "+tag, log, func(ctx context.Context, log io.Writer) (*Image, error) {
		return s.buildOnce(ctx, request, packed, tag, platform, log)
	})
}

// buildOnce builds unless another process has done so meanwhile.
func (s *Store) buildOnce(ctx context.Context, request BuildRequest, packed *buildContext, tag string, platform *ocispec.Platform, log io.Writer) (*Image, error) {
	if s.locks != "" {
		lock, err := flock.LockContext(ctx, filepath.Join(s.locks, "build-"+tag))
		if err != nil {
			return nil, err
		}
		defer lock.Unlock()
	}
	name := builtRepository + ":" + tag
	image, err := s.inspect(ctx, name, platform)
	if err == nil {
		line(log, "Using the image %s, which was built from the same content before", short(image.ID))
		return image, nil
	}
	if !errdefs.IsNotFound(err) {
		return nil, plain(err)
	}
	if err := s.bases(ctx, request, packed.dockerfile, platform, log); err != nil {
		return nil, err
	}
	started := s.now()
	line(log, "Building the image from %s, %s", dockerfileOf(request), units.HumanSize(float64(packed.size)))
	if err := s.sendBuild(ctx, request, packed, name, platform, log); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("building %s: %w", dockerfileOf(request), plain(err))
	}
	if image, err = s.inspect(ctx, name, platform); err != nil {
		return nil, fmt.Errorf("the engine has built it and does not know it: %w", plain(err))
	}
	line(log, "Built the image %s in %s", short(image.ID), s.now().Sub(started).Round(100*time.Millisecond))
	return image, nil
}

// bases gets the images that a Dockerfile begins with: by the pull policy and
// with the credentials of the configuration, which a builder does not have.
func (s *Store) bases(ctx context.Context, request BuildRequest, dockerfile []byte, platform *ocispec.Platform, log io.Writer) error {
	for _, base := range fromImages(dockerfile) {
		if request.Allowed != nil {
			if err := request.Allowed(base.name); err != nil {
				return fmt.Errorf("FROM %s: %w", base.name, err)
			}
		}
		if !base.known() {
			continue // the builder gets it
		}
		if base.platform == "" {
			base.platform = platformText(platform)
		}
		if _, err := s.Resolve(ctx, Request{Image: base.name, Platform: base.platform}, log); err != nil {
			return fmt.Errorf("FROM %s: %w", base.name, err)
		}
	}
	return nil
}

func (s *Store) sendBuild(ctx context.Context, request BuildRequest, packed *buildContext, name string, platform *ocispec.Platform, log io.Writer) error {
	kit, err := s.hasBuildKit(ctx)
	if err != nil {
		return err
	}
	options := client.ImageBuildOptions{
		Tags: []string{name}, Dockerfile: dockerfileOf(request), Remove: true, ForceRemove: true,
		Labels: map[string]string{BuiltLabel: "action"}, Version: build.BuilderV1, AuthConfigs: s.allAuths(ctx, hostsOf(packed.dockerfile)),
	}
	for k, v := range request.Labels {
		options.Labels[k] = v
	}
	if kit {
		options.Version = build.BuilderBuildKit
	}
	if platform != nil {
		options.Platforms = []ocispec.Platform{*platform}
	}
	answer, err := s.engine.ImageBuild(ctx, packed.file, options)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return readBuild(answer.Body, log)
}

// hasBuildKit tells whether the engine builds with BuildKit by itself.
func (s *Store) hasBuildKit(ctx context.Context) (bool, error) {
	s.builder.Lock()
	defer s.builder.Unlock()
	if s.builder.known {
		return s.builder.buildkit, nil
	}
	ping, err := s.engine.Ping(ctx, client.PingOptions{})
	if err != nil {
		return false, err
	}
	s.builder.known, s.builder.buildkit = true, ping.BuilderVersion == build.BuilderBuildKit
	return s.builder.buildkit, nil
}

// hostsOf gives the registries of the images that a Dockerfile begins with.
func hostsOf(dockerfile []byte) []string {
	var hosts []string
	for _, base := range fromImages(dockerfile) {
		if named, err := reference.ParseDockerRef(base.name); err == nil && base.known() {
			hosts = append(hosts, registryHost(reference.Domain(named)))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// Prune removes images that Build made, and no others. Those that containers
// use stay. It goes on after an error to remove what it can. An image's age is
// that of its build: engines do not tell when one was used last.
func (s *Store) Prune(ctx context.Context, limits PruneLimits) (Pruned, error) {
	var pruned Pruned
	found, err := s.engine.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", BuiltLabel)})
	if err != nil {
		return pruned, plain(err)
	}
	slices.SortFunc(found.Items, func(a, b imagetypes.Summary) int { return int(b.Created - a.Created) })
	var errs []error
	for i, image := range found.Items {
		old := limits.Age > 0 && s.now().Sub(time.Unix(image.Created, 0)) > limits.Age
		if !old && (limits.Keep <= 0 || i < limits.Keep) {
			continue
		}
		_, err := s.engine.ImageRemove(ctx, image.ID, client.ImageRemoveOptions{PruneChildren: true})
		switch {
		case err == nil:
			pruned.Images++
			pruned.Bytes += image.Size
		case !errdefs.IsNotFound(err) && !errdefs.IsConflict(err): // one that is used stays
			errs = append(errs, plain(err))
		}
	}
	return pruned, errors.Join(errs...)
}
