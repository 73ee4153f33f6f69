package policy

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"
)

// image checks the image and gives it its full name. An engine that is asked
// for a full name takes it for nothing else: not for the beginning of the id of
// an image that somebody else's job has pulled.
func (m *maker) image() {
	if m.req.Own {
		m.out.Config.Image = m.req.Container.Image
		return
	}
	image, err := m.Image(m.req.Kind, m.req.Container.Image)
	if err != nil {
		m.fail("image", "%v", err)
	}
	m.out.Config.Image = image
}

// Image checks an image that a workflow or an action names, and gives its full
// name: docker.io/library/node:22 for node:22. One with a digest has no tag.
func (p *Policy) Image(kind Kind, image string) (string, error) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return "", fmt.Errorf("%s is not the name of an image: %v", shown(image), err)
	}
	key, allowed := "allowed_images", p.docker.AllowedImages
	if kind == Service {
		key, allowed = "allowed_services", p.docker.AllowedServices
	}
	if len(allowed) > 0 && !matchesImage(allowed, named) {
		return "", fmt.Errorf("%s is not among the images that this runner allows (%s in [runners.docker])", shown(image), key)
	}
	return fullName(named), nil
}

// fullName is what an engine is asked for.
func fullName(named reference.Named) string {
	if digested, ok := named.(reference.Digested); ok {
		return named.Name() + "@" + digested.Digest().String()
	}
	return reference.TagNameOnly(named).String()
}

// matchesImage tells whether a pattern matches the image. A pattern with a tag
// or a digest is held against name:tag or name@digest, one without against the
// name. An image with a digest has no tag here: its tag says nothing about what
// it is.
func matchesImage(patterns []string, named reference.Named) bool {
	full := fullName(named)
	names, wholes := spellings(named.Name()), spellings(full)
	for _, pattern := range patterns {
		if rest, ok := strings.CutPrefix(pattern, "index.docker.io/"); ok {
			pattern = "docker.io/" + rest
		}
		candidates := names
		if last := pattern[strings.LastIndexByte(pattern, '/')+1:]; strings.ContainsAny(last, ":@") {
			candidates = wholes
		}
		for _, candidate := range candidates {
			if matches(pattern, candidate) {
				return true
			}
		}
	}
	return false
}

// spellings are the ways to write an image: those of Docker Hub have shorter
// ones. The name of a registry ignores case.
func spellings(image string) []string {
	host, path, _ := strings.Cut(image, "/")
	host = strings.ToLower(host)
	all := []string{host + "/" + path}
	if host == "docker.io" {
		all = append(all, path)
		if short, ok := strings.CutPrefix(path, "library/"); ok {
			all = append(all, short)
		}
	}
	return all
}

// matches is the glob of all our lists: * and ? stop at slashes, ** does not.
func matches(pattern, text string) bool {
	ok, err := doublestar.Match(pattern, text)
	return ok && err == nil
}
