package action

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"multirunner/helpers/hardlink"
)

// maxManifest bounds what is read of a file, in bytes. It is one more than
// Parse takes, so that Parse has the say.
const maxManifest = 1<<20 + 1

// ErrNoManifest means that there is no action in the directory.
var ErrNoManifest = errors.New("no action.yml, action.yaml or Dockerfile")

// Load reads the manifest of the action in a directory: action.yml, else
// action.yaml, else a Dockerfile alone, which makes a docker action without
// inputs (GitHub: this order). tree is the repository or the workspace, dir the
// slash-separated path of the action below it, "" for the top: Reference.Path.
//
// Nothing outside of the tree is read, whatever links there are. Paths in the
// manifest that lead out of it are errors; whether they exist is Locate's to
// say, as a step may make them. When there is no manifest the error is
// ErrNoManifest.
func Load(tree *os.Root, dir string) (*Manifest, error) {
	if dir == "" {
		dir = "."
	}
	if !filepath.IsLocal(filepath.FromSlash(dir)) {
		return nil, fmt.Errorf("action %q: leads out of its repository", dir)
	}
	for _, name := range []string{"action.yml", "action.yaml"} {
		file := path.Join(dir, name)
		data, err := read(tree, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("action: %w", err)
		}
		m, err := Parse(file, data)
		if err != nil {
			return nil, err
		}
		if err := m.confine(tree, dir); err != nil {
			return nil, err
		}
		return m, nil
	}
	for _, name := range []string{"Dockerfile", "dockerfile"} {
		file := path.Join(dir, name)
		if info, err := stat(tree, file); err == nil && info.Mode().IsRegular() {
			return &Manifest{File: file, Runs: Runs{Using: DockerImage, Image: name}}, nil
		}
	}
	return nil, fmt.Errorf("action: %w in %s", ErrNoManifest, place(dir))
}

// place names a directory for people.
func place(dir string) string {
	if dir == "." {
		return "the top directory of the repository"
	}
	return "directory " + dir
}

func stat(tree *os.Root, name string) (fs.FileInfo, error) {
	return tree.Stat(filepath.FromSlash(name))
}

// read reads a regular file of bounded size. Its kind is looked at before it
// is opened, as some devices do something then, and again after that: a job may
// have put another one in its place.
func read(tree *os.Root, name string) ([]byte, error) {
	info, err := stat(tree, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	file, err := tree.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	opened, err := file.Stat()
	if err != nil {
		return nil, err
	}
	top, err := tree.Stat(".")
	if err != nil {
		return nil, err
	}
	switch {
	case !opened.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", name)
	case hardlink.Foreign(top, opened):
		return nil, fmt.Errorf("%s is a link to a file of another user", name)
	}
	return io.ReadAll(io.LimitReader(file, maxManifest))
}

// confine holds that the files that the manifest names stay in the tree.
func (m *Manifest) confine(tree *os.Root, dir string) error {
	files := []struct{ key, name string }{{"main", m.Runs.Main}, {"pre", m.Runs.Pre}, {"post", m.Runs.Post}}
	if !strings.HasPrefix(m.Runs.Image, "docker://") {
		files = append(files, struct{ key, name string }{"image", m.Runs.Image})
	}
	for _, f := range files {
		if f.name == "" {
			continue
		}
		if _, err := inside(tree, dir, f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: runs.%s: %w", m.File, f.key, err)
		}
	}
	return nil
}

// inside gives the path of a file below the root, and holds that it is there.
func inside(tree *os.Root, dir, name string) (string, error) {
	joined := path.Join(dir, name)
	if path.IsAbs(name) || !filepath.IsLocal(filepath.FromSlash(joined)) {
		return "", fmt.Errorf("%q leads out of the action's repository", excerpt(name))
	}
	info, err := stat(tree, joined)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%q: %w", excerpt(name), fs.ErrNotExist)
	case err != nil:
		return "", fmt.Errorf("%q leads out of the action's repository, or cannot be read: %w", excerpt(name), err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%q is not a file", excerpt(name))
	}
	return joined, nil
}

// Locate gives the slash-separated path, below the tree, of a file that a
// manifest names (Runs.Main, Pre, Post, a Dockerfile), for the tree and dir that
// were given to Load. The error satisfies errors.Is(err, fs.ErrNotExist) when it
// is not there.
func Locate(tree *os.Root, dir, name string) (string, error) {
	if dir == "" {
		dir = "."
	}
	below, err := inside(tree, dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("file %w; was it built and committed?", err)
	}
	if err != nil {
		return "", fmt.Errorf("file %w", err)
	}
	return below, nil
}
