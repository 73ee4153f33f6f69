package images

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"multirunner/helpers/hardlink"
)

const (
	// A build context beyond these is refused: it is read whole, and kept.
	maxContextBytes = 2 << 30
	maxContextFiles = 200_000
	// maxDockerfile bounds what is read of a Dockerfile and of ignore files.
	maxDockerfile = 1 << 20
)

// buildContext is what a builder gets: a tar file in a file without a name.
type buildContext struct {
	file       *os.File
	digest     string // of content, names and modes; not of owners and times
	dockerfile []byte
	size       int64
}

func (c *buildContext) Close() error { return c.file.Close() }

// packContext reads a build context. Links are packed as links, and no
// directory is left through one.
func packContext(ctx context.Context, r BuildRequest) (*buildContext, error) {
	dir, err := openContext(r)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	p := &packer{ctx: ctx, dir: dir, dockerfile: dockerfileOf(r), sum: sha256.New()}
	if !filepath.IsLocal(filepath.FromSlash(p.dockerfile)) {
		return nil, fmt.Errorf("the Dockerfile %s is outside of the action's directory: the builder sees only what is in it", p.dockerfile)
	}
	text, err := p.read(p.dockerfile)
	if err != nil {
		return nil, fmt.Errorf("the Dockerfile: %w", err)
	}
	if p.ignored, err = p.ignores(); err != nil {
		return nil, err
	}
	if p.own, err = dir.Stat("."); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "build-context-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(file.Name()), p.pack(file)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &buildContext{file: file, digest: hex.EncodeToString(p.sum.Sum(nil)), dockerfile: text, size: p.bytes}, nil
}

func dockerfileOf(r BuildRequest) string {
	if r.Dockerfile == "" {
		return "Dockerfile"
	}
	return path.Clean(r.Dockerfile)
}

func openContext(r BuildRequest) (*os.Root, error) {
	above := r.Root
	if above == "" {
		above = r.Dir
	}
	rest, err := filepath.Rel(above, r.Dir)
	if err != nil || !filepath.IsLocal(rest) {
		return nil, fmt.Errorf("the directory %s is not in %s", r.Dir, above)
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(rest)
}

// packer packs one context.
type packer struct {
	ctx        context.Context
	dir        *os.Root
	own        fs.FileInfo // of dir
	dockerfile string
	ignored    *patternmatcher.PatternMatcher
	sum        interface {
		io.Writer
		Sum([]byte) []byte
	}
	out   *tar.Writer
	files int
	bytes int64
}

// read reads a small file of the context.
func (p *packer) read(name string) ([]byte, error) {
	file, err := p.dir.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxDockerfile {
		return nil, errors.Join(err, fmt.Errorf("%s is no file of at most %s", name, units.BytesSize(maxDockerfile)))
	}
	return io.ReadAll(io.LimitReader(file, maxDockerfile))
}

// ignores reads the Dockerfile's own ignore file, else .dockerignore (Docker:
// .dockerignore).
func (p *packer) ignores() (*patternmatcher.PatternMatcher, error) {
	for _, name := range []string{p.dockerfile + ".dockerignore", ".dockerignore"} {
		data, err := p.read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		patterns, err := ignorefile.ReadAll(strings.NewReader(string(data)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		// The builder needs them, whatever the patterns say.
		matcher, err := patternmatcher.New(append(patterns, "!"+p.dockerfile, "!.dockerignore"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return matcher, nil
	}
	return patternmatcher.New(nil)
}

func (p *packer) pack(file *os.File) error {
	fmt.Fprintf(p.sum, "context 1\ndockerfile %q\n", p.dockerfile)
	p.out = tar.NewWriter(io.MultiWriter(file, p.sum))
	if err := fs.WalkDir(p.dir.FS(), ".", p.entry); err != nil {
		return err
	}
	if err := p.out.Close(); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

func (p *packer) entry(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	if name == "." {
		return nil
	}
	ignored, err := p.ignored.MatchesOrParentMatches(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	if ignored {
		// Something below may be wanted all the same.
		if d.IsDir() && !p.ignored.Exclusions() {
			return fs.SkipDir
		}
		return nil
	}
	if p.files++; p.files > maxContextFiles {
		return fmt.Errorf("the action's directory has more than %d files: leave out what the image does not need, in .dockerignore", maxContextFiles)
	}
	header := &tar.Header{Name: name, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	switch d.Type() {
	case fs.ModeDir:
		header.Typeflag, header.Name, header.Mode = tar.TypeDir, name+"/", 0o755
		return p.out.WriteHeader(header)
	case fs.ModeSymlink:
		if header.Linkname, err = p.dir.Readlink(filepath.FromSlash(name)); err != nil {
			return err
		}
		header.Typeflag, header.Mode = tar.TypeSymlink, 0o777
		return p.out.WriteHeader(header)
	case 0:
		return p.file(name, header)
	}
	return nil // an image has no use for pipes, sockets and devices
}

func (p *packer) file(name string, header *tar.Header) error {
	file, err := p.dir.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || hardlink.Foreign(p.own, info) {
		return fmt.Errorf("%s is another user's file, or none at all", name)
	}
	header.Typeflag, header.Size, header.Mode = tar.TypeReg, info.Size(), 0o644
	if info.Mode()&0o111 != 0 {
		header.Mode = 0o755
	}
	if p.bytes += header.Size; p.bytes > maxContextBytes {
		return fmt.Errorf("the action's directory has more than %s: leave out what the image does not need, in .dockerignore", units.BytesSize(maxContextBytes))
	}
	if err := p.out.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(p.out, file, header.Size); err != nil {
		return fmt.Errorf("%s has changed while it was read: %w", name, err)
	}
	return nil
}
