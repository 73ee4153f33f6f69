package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"multirunner/helpers/backoff"
)

const (
	pullTries = 3
	// Between tries: one second, two seconds, a quarter more or less.
	pullGap    = time.Second
	pullJitter = 0.25
	// stallLimit ends a pull of which the engine says nothing new.
	stallLimit = 10 * time.Minute
)

// errStalled is the cause of a pull that was given up.
var errStalled = fmt.Errorf("no progress for %s", stallLimit)

// pull pulls the image, again when what went wrong may pass.
func (s *Store) pull(ctx context.Context, want wanted, log io.Writer) (*Image, error) {
	gaps := backoff.New(pullGap, time.Minute, pullJitter, s.rand)
	started := s.now()
	line(log, "Pulling image %s%s", want.name, forPlatform(want.platform))
	for try := 1; ; try++ {
		image, err := s.pullOnce(ctx, want, log)
		if err == nil {
			line(log, "Pulled image %s (%s) in %s", want.name, short(image.ID), s.now().Sub(started).Round(100*time.Millisecond))
			return image, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if final(err, want.named) {
			return nil, err
		}
		if try == pullTries {
			return nil, fmt.Errorf("pulling failed %d times: %w", pullTries, err)
		}
		gap := gaps.Next()
		line(log, "Pulling image %s failed, try %d of %d follows in %s: %v", want.name, try+1, pullTries, gap.Round(100*time.Millisecond), err)
		select {
		case <-time.After(gap):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func forPlatform(p *ocispec.Platform) string {
	if p == nil {
		return ""
	}
	return " for " + platformText(p)
}

// pullOnce pulls the image and gives what came.
func (s *Store) pullOnce(ctx context.Context, want wanted, log io.Writer) (*Image, error) {
	pulling, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options := client.ImagePullOptions{RegistryAuth: want.auth}
	if want.platform != nil {
		options.Platforms = []ocispec.Platform{*want.platform}
	}
	progress := newProgress(want.name, s.now, log)
	stop := progress.watch(func() { cancel(errStalled) })
	digest, err := s.readPull(pulling, want, options, progress)
	stop()
	if errors.Is(context.Cause(pulling), errStalled) {
		return nil, errStalled
	}
	if err != nil {
		return nil, plain(err)
	}
	// By the digest that came: the tag may be another image's by now.
	image, err := s.pulled(ctx, want, digest)
	if err != nil {
		return nil, fmt.Errorf("the engine has pulled it and does not know it: %w", plain(err))
	}
	if !want.fits(image) {
		return nil, errdefs.ErrNotFound.WithMessage(fmt.Sprintf("the registry's image is for %s, not for %s", image.platform(), platformText(want.platform)))
	}
	image.Ref, image.Digest = want.named.String(), digest
	return image, nil
}

// readPull reads the engine's account of a pull to its end and gives the
// digest that it tells.
func (s *Store) readPull(ctx context.Context, want wanted, options client.ImagePullOptions, progress *progress) (string, error) {
	answer, err := s.engine.ImagePull(ctx, want.named.String(), options)
	if err != nil {
		return "", err
	}
	defer answer.Close()
	digest := ""
	for message, err := range answer.JSONMessages(ctx) {
		if err != nil {
			return "", err
		}
		if message.Error != nil {
			return "", streamError(message.Error)
		}
		if text, ok := strings.CutPrefix(message.Status, "Digest: "); ok && message.ID == "" {
			digest = text
		}
		progress.take(message)
	}
	return digest, ctx.Err()
}

// streamError gives an error of the engine the class that its code tells.
func streamError(e *jsonstream.Error) error {
	switch e.Code {
	case 400:
		return errdefs.ErrInvalidArgument.WithMessage(e.Message)
	case 401:
		return errdefs.ErrUnauthenticated.WithMessage(e.Message)
	case 403:
		return errdefs.ErrPermissionDenied.WithMessage(e.Message)
	case 404:
		return errdefs.ErrNotFound.WithMessage(e.Message)
	}
	return e
}

// pulled inspects the image by its digest, or by its name when the engine does
// not know it by the digest.
func (s *Store) pulled(ctx context.Context, want wanted, digest string) (*Image, error) {
	if digest != "" {
		image, err := s.inspect(ctx, want.named.Name()+"@"+digest, want.platform)
		if !errdefs.IsNotFound(err) {
			return image, err
		}
	}
	return s.inspect(ctx, want.named.String(), want.platform)
}

// final tells whether another try would end like this one: the registry has
// answered. Engines tell by the status only some of it, the rest by the text.
func final(err error, named reference.Named) bool {
	if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) || errdefs.IsUnauthorized(err) ||
		errdefs.IsPermissionDenied(err) || errdefs.IsNotImplemented(err) {
		return true
	}
	// The name itself may hold any of the words.
	text := strings.NewReplacer(named.String(), "", named.Name(), "", reference.Path(named), "", reference.FamiliarName(named), "").Replace(err.Error())
	text = strings.ToLower(text)
	for _, word := range finalWords {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

var finalWords = [...]string{
	"unauthorized", "authentication required", "no basic auth credentials", "incorrect username or password",
	"denied", "forbidden",
	"manifest unknown", "name unknown", "name invalid", "not found", "repository does not exist",
	"no matching manifest", "does not match the specified platform", "unsupported", "invalid reference",
	"server gave http response to https client", "x509:",
	"no space left on device",
}
