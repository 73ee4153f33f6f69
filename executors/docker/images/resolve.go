package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"multirunner/common"
)

// wanted is a request that has been read.
type wanted struct {
	named    reference.Named // with a tag or a digest
	name     string          // for people
	platform *ocispec.Platform
	auth     string // header of the engine's API
}

// Resolve gives the image, pulled when the policy says so. The words of the
// policy are tried in their order until one gives the image; the error names
// each and why it failed. Progress goes to log, a line a write. When ctx ends,
// a pull that nobody else waits for ends too.
func (s *Store) Resolve(ctx context.Context, request Request, log io.Writer) (*Image, error) {
	named, err := reference.ParseDockerRef(request.Image)
	if err != nil {
		return nil, fmt.Errorf("image %q: this is no name of an image: %w", request.Image, err)
	}
	platform, err := parsePlatform(request.Platform, s.platform)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", request.Image, err)
	}
	auth, err := header(s.auth(ctx, registryHost(reference.Domain(named)), request.Credentials))
	if err != nil {
		return nil, fmt.Errorf("image %s: credentials: %w", request.Image, err)
	}
	want := wanted{named: named, name: reference.FamiliarString(named), platform: platform, auth: auth}
	return s.flights.do(ctx, want.key(), log, func(ctx context.Context, log io.Writer) (*Image, error) {
		return s.byPolicy(ctx, want, log)
	})
}

// key tells requests apart. Those with other credentials never share a pull:
// one may be allowed what the other is not.
func (w wanted) key() string {
	sum := sha256.Sum256([]byte(w.auth))
	return strings.Join([]string{w.named.String(), platformText(w.platform), hex.EncodeToString(sum[:])}, " ")
}

// byPolicy tries the words of the policy.
func (s *Store) byPolicy(ctx context.Context, want wanted, log io.Writer) (*Image, error) {
	var failed []string
	var pullErr error // of the first pull: there is no second one
	pull := func() (*Image, error) {
		if pullErr != nil {
			return nil, errors.New("pulling it has failed already")
		}
		image, err := s.pull(ctx, want, log)
		pullErr = err
		return image, err
	}
	for i, word := range s.policy {
		var image *Image
		var err error
		switch word {
		case common.PullAlways:
			image, err = pull()
		case common.PullIfNotPresent:
			image, err = s.local(ctx, want)
			if err != nil && ctx.Err() == nil {
				missing := err
				if image, err = pull(); err != nil {
					err = fmt.Errorf("%w, and %w", missing, err)
				}
			} else if err == nil {
				line(log, "Using image %s (%s), which is here already", want.name, short(image.ID))
			}
		case common.PullNever:
			image, err = s.local(ctx, want)
			if err == nil {
				line(log, "Using image %s (%s)", want.name, short(image.ID))
			}
		default:
			err = fmt.Errorf("there is no such pull policy")
		}
		if err == nil {
			return image, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		failed = append(failed, fmt.Sprintf("%s: %v", word, err))
		if i+1 < len(s.policy) {
			line(log, "Image %s: %s: %v; trying %s", want.name, word, err, s.policy[i+1])
		}
	}
	return nil, fmt.Errorf("image %s cannot be had by pull_policy %s", want.name, strings.Join(failed, "; "))
}

// local gives the image that the engine has by the name.
func (s *Store) local(ctx context.Context, want wanted) (*Image, error) {
	image, err := s.inspect(ctx, want.named.String(), want.platform)
	switch {
	case errdefs.IsNotFound(err):
		return nil, errors.New("it is not on this machine")
	case err != nil:
		return nil, plain(err)
	case !want.fits(image):
		return nil, fmt.Errorf("the one on this machine is for %s, not for %s", image.platform(), platformText(want.platform))
	}
	image.Ref = want.named.String()
	return image, nil
}

// inspect gives what the engine knows of an image.
func (s *Store) inspect(ctx context.Context, ref string, platform *ocispec.Platform) (*Image, error) {
	var options []client.ImageInspectOption
	if platform != nil && versions.GreaterThanOrEqualTo(s.engine.ClientVersion(), "1.49") {
		options = append(options, client.ImageInspectWithPlatform(platform))
	}
	found, err := s.engine.ImageInspect(ctx, ref, options...)
	if err != nil {
		return nil, err
	}
	image := &Image{ID: found.ID, Ref: ref, OS: found.Os, Arch: found.Architecture, Variant: found.Variant}
	if c := found.Config; c != nil {
		image.Env, image.User, image.Entrypoint, image.Cmd, image.WorkDir = c.Env, c.User, c.Entrypoint, c.Cmd, c.WorkingDir
		image.Ports = slices.Sorted(maps.Keys(c.ExposedPorts))
		image.Volumes = slices.Sorted(maps.Keys(c.Volumes))
		image.Labels = c.Labels
		image.HealthCheck = c.Healthcheck != nil && len(c.Healthcheck.Test) > 0 && c.Healthcheck.Test[0] != "NONE"
	}
	return image, nil
}

// fits tells whether an image is for the platform that was asked for.
func (w wanted) fits(image *Image) bool {
	p := w.platform
	return p == nil || p.OS == image.OS && p.Architecture == image.Arch &&
		(p.Variant == "" || image.Variant == "" || p.Variant == image.Variant)
}

func (i *Image) platform() string {
	return platformText(&ocispec.Platform{OS: i.OS, Architecture: i.Arch, Variant: i.Variant})
}

// parsePlatform reads the first text that is not empty. Nil leaves the platform
// to the engine.
func parsePlatform(texts ...string) (*ocispec.Platform, error) {
	i := slices.IndexFunc(texts, func(s string) bool { return s != "" })
	if i < 0 {
		return nil, nil
	}
	parts := strings.Split(texts[i], "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return nil, fmt.Errorf("platform %q is not os/arch or os/arch/variant, write for example \"linux/arm64\"", texts[i])
	}
	p := &ocispec.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	}
	return p, nil
}

func platformText(p *ocispec.Platform) string {
	switch {
	case p == nil:
		return ""
	case p.Variant == "":
		return p.OS + "/" + p.Architecture
	}
	return p.OS + "/" + p.Architecture + "/" + p.Variant
}

// short gives the first digits of an id.
func short(id string) string {
	algorithm, digits, ok := strings.Cut(id, ":")
	if !ok || len(digits) < 12 {
		return id
	}
	return algorithm + ":" + digits[:12]
}

// line writes one line to a job's log. Text of an engine or a registry may have
// line ends of its own.
func line(log io.Writer, format string, args ...any) {
	text := strings.Join(strings.FieldsFunc(fmt.Sprintf(format, args...), func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	io.WriteString(log, text+"\n")
}

// plain takes away what the client puts before an error of the engine.
func plain(err error) error {
	if text, ok := strings.CutPrefix(err.Error(), "Error response from daemon: "); ok {
		return &engineError{text, err}
	}
	return err
}

type engineError struct {
	text string
	err  error
}

func (e *engineError) Error() string { return e.text }
func (e *engineError) Unwrap() error { return e.err }
