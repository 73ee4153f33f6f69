package gitpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Tree tells what Checkout wrote.
type Tree struct {
	Commit  string   // 40 hex digits, of the commit that a tag led to
	Entries int      // files, links and directories
	Bytes   int64    // of the files
	Inert   []string // links that would lead out of the tree: files with their target
}

// Checkout writes the files of a commit, or of the commit that an annotated
// tag leads to, into an existing directory that is empty. Files and directories
// are read-only to everybody and readable by everybody, programs executable.
// After an error the directory holds a part.
func (p *Pack) Checkout(id, dir string) (Tree, error) {
	start, err := parseID(strings.ToLower(id))
	if err != nil {
		return Tree{}, err
	}
	commit, tree, err := p.commit(start)
	if err != nil {
		return Tree{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Tree{}, err
	}
	defer root.Close()
	c := &checkout{pack: p, root: root, tree: Tree{Commit: commit.String()}}
	if err := c.directory(root, "", tree, 0); err != nil {
		return Tree{}, err
	}
	if err := c.finish(); err != nil {
		return Tree{}, err
	}
	return c.tree, nil
}

// checkout writes one tree.
type checkout struct {
	pack        *Pack
	root        *os.Root
	tree        Tree
	links       []link
	directories []string // parents before their children
}

type link struct{ name, target string }

// directory writes what is in a tree. at is open: with it no path is resolved
// twice, and none can lead elsewhere.
func (c *checkout) directory(at *os.Root, dir string, id plumbing.Hash, depth int) error {
	if depth > maxDepth {
		return limitf("%d directories within each other", depth)
	}
	i, err := c.pack.find(id, plumbing.TreeObject)
	if err != nil {
		return err
	}
	content, err := c.pack.content(i)
	if err != nil {
		return err
	}
	list, err := nodes(content)
	if err != nil {
		return fmt.Errorf("directory %q: %w", dir, err)
	}
	c.directories = append(c.directories, dir)
	for _, n := range list {
		if c.tree.Entries++; c.tree.Entries > c.pack.limits.Entries {
			return limitf("it has more than %d files", c.pack.limits.Entries)
		}
		if err := c.node(at, dir, n, depth); err != nil {
			return explain(path.Join(dir, n.name), err)
		}
	}
	return nil
}

// explain adds the name to an error of the file system.
func explain(name string, err error) error {
	var failed *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %q is there twice, or beside a name that this file system takes for the same", ErrRefused, name)
	case errors.As(err, &failed):
		return fmt.Errorf("%s: %w", name, failed.Err)
	}
	return err
}

func (c *checkout) node(at *os.Root, dir string, n node, depth int) error {
	switch n.kind {
	case directoryNode:
		return c.subdirectory(at, path.Join(dir, n.name), n, depth)
	case submoduleNode:
		c.directories = append(c.directories, path.Join(dir, n.name))
		return at.Mkdir(n.name, 0o755)
	case linkNode:
		return c.link(at, dir, n)
	case programNode:
		return c.file(at, n, 0o555)
	}
	return c.file(at, n, 0o444)
}

func (c *checkout) subdirectory(at *os.Root, dir string, n node, depth int) error {
	if err := at.Mkdir(n.name, 0o755); err != nil {
		return err
	}
	below, err := at.OpenRoot(n.name)
	if err != nil {
		return err
	}
	defer below.Close()
	return c.directory(below, dir, n.id, depth+1)
}

func (c *checkout) file(at *os.Root, n node, mode fs.FileMode) error {
	i, err := c.pack.find(n.id, plumbing.BlobObject)
	if err != nil {
		return err
	}
	return c.write(at, n.name, mode, func(w io.Writer) error { return c.pack.blob(w, i) })
}

// write makes a new file and never follows what is at its name.
func (c *checkout) write(at *os.Root, name string, mode fs.FileMode, content func(io.Writer) error) error {
	file, err := at.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // twice is harmless
	counter := &counter{w: file, sum: &c.tree.Bytes, limit: c.pack.limits.Files}
	if err := content(counter); err != nil {
		return err
	}
	// Whatever the umask: the job's user may be another one.
	if err := file.Chmod(mode); err != nil {
		return err
	}
	return file.Close()
}

// counter bounds the bytes of all files together.
type counter struct {
	w     io.Writer
	sum   *int64
	limit int64
}

func (c *counter) Write(b []byte) (int, error) {
	if *c.sum += int64(len(b)); *c.sum > c.limit {
		return 0, limitf("its files have more than %d bytes", c.limit)
	}
	return c.w.Write(b)
}

// blob writes the content of a file.
func (p *Pack) blob(w io.Writer, i int) error {
	o := &p.objects[i]
	if !o.delta && o.held == nil {
		return p.copy(w, i) // it may be too large to hold
	}
	content, err := p.content(i)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// link keeps a link for the end: with no links in the tree no file can be
// written through one.
func (c *checkout) link(at *os.Root, dir string, n node) error {
	i, err := c.pack.find(n.id, plumbing.BlobObject)
	if err != nil {
		return err
	}
	if size := c.pack.objects[i].size; size > maxLink {
		return limitf("the target of a link has %d bytes", size)
	}
	content, err := c.pack.content(i)
	if err != nil {
		return err
	}
	name := path.Join(dir, n.name)
	if staysInside(dir, string(content)) {
		c.links = append(c.links, link{name, string(content)})
		return nil
	}
	return c.inert(at, n.name, name, content)
}

// inert writes what git writes where there are no links: the target.
func (c *checkout) inert(at *os.Root, base, name string, target []byte) error {
	c.tree.Inert = append(c.tree.Inert, name)
	return c.write(at, base, 0o444, func(w io.Writer) error {
		_, err := w.Write(target)
		return err
	})
}

// staysInside tells whether a link in a directory leads to a place in the tree
// whatever other links there are. Its directory is a real one, so that its
// leading ".." go up real directories; after that it may only go down.
func staysInside(dir, target string) bool {
	if target == "" || len(target) > maxLink || strings.ContainsAny(target, "\x00\\:") || path.IsAbs(target) {
		return false
	}
	depth := 0
	if dir != "" {
		depth = strings.Count(dir, "/") + 1
	}
	down := false
	for _, part := range strings.Split(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return false
			}
		default:
			down = true
		}
	}
	return true
}

// finish makes the links, and then the directories read-only.
func (c *checkout) finish() error {
	for _, l := range c.links {
		err := c.root.Symlink(l.target, l.name)
		switch {
		case errors.Is(err, fs.ErrExist):
			return explain(l.name, err)
		case err != nil:
			// A system without links, or a user who may not make them.
			if err := c.inert(c.root, l.name, l.name, []byte(l.target)); err != nil {
				return explain(l.name, err)
			}
		}
	}
	for i := len(c.directories) - 1; i >= 0; i-- {
		name := c.directories[i]
		if name == "" {
			name = "."
		}
		if err := c.root.Chmod(name, 0o555); err != nil {
			return explain(name, err)
		}
	}
	return nil
}
