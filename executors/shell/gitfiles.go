package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"multirunner/helpers/process"
)

// gitFiles gives the files of a git work tree that git tracks or does not
// ignore, relative to dir, each once. The error says why there are none.
func (e *Executor) gitFiles(ctx context.Context, dir string) ([]string, error) {
	out, err := e.git(ctx, dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var files []string
	for name := range strings.SplitSeq(out, "\x00") {
		// Other repositories inside end with a slash. A file in conflict is
		// listed once per side.
		name = filepath.FromSlash(strings.TrimSuffix(name, "/"))
		if name == "" || seen[name] || !filepath.IsLocal(name) {
			continue
		}
		seen[name] = true
		files = append(files, name)
	}
	return files, nil
}

// git runs git as this process's user, with no more of its environment than
// finds the user's own ignore rules. The repository may belong to somebody else
// and may name programs to be run: neither is to stop or to trap us.
func (e *Executor) git(ctx context.Context, dir string, args ...string) (string, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return "", errors.New("git is not installed")
	}
	env := []string{"LC_ALL=C", "GIT_OPTIONAL_LOCKS=0"}
	for _, name := range append([]string{"HOME", "XDG_CONFIG_HOME", "USERPROFILE"}, allowed...) {
		if value, ok := os.LookupEnv(name); ok && name != "LC_ALL" && name != "LANG" {
			env = append(env, name+"="+value)
		}
	}
	var stdout, stderr bytes.Buffer
	command, err := e.family.Start(process.Options{
		Path: path, Dir: dir, Env: env, Stdout: &stdout, Stderr: &stderr,
		Args: append([]string{"-c", "safe.directory=*", "-c", "core.fsmonitor=false"}, args...),
	})
	if err != nil {
		return "", err
	}
	status := command.Wait(ctx, process.Escalation{})
	if status != (process.Status{}) {
		return "", fmt.Errorf("git says: %s", firstLine(stderr.String()))
	}
	return stdout.String(), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return "nothing"
	}
	return line
}

// repository copies the repository of a work tree, so that git works in the
// copy and changes nothing in the original.
func (c *copier) repository() error {
	info, err := c.from.Lstat(".git")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the source is a part of a work tree
	}
	if err != nil {
		return c.unless(err, ".git")
	}
	if info.IsDir() {
		return c.tree(".git", noLocks)
	}
	return c.linkedRepository()
}

// linkedRepository makes a repository of its own for a work tree whose
// repository is elsewhere: a linked work tree or a submodule.
func (c *copier) linkedRepository() error {
	own, err := c.gitPath("--git-dir")
	if err != nil {
		return err
	}
	common, err := c.gitPath("--git-common-dir")
	if err != nil {
		return err
	}
	if err := c.makeRepository(common, func(name string) bool {
		return noLocks(name) || name == "worktrees"
	}); err != nil {
		return err
	}
	if own != common {
		// What a linked work tree has for itself.
		if err := c.overlayRepository(own); err != nil {
			return err
		}
	}
	// A submodule's repository says where its work tree is: here no more. That
	// there is no such setting is fine. With the copy as its directory git would
	// stumble over it.
	config := filepath.Join(c.executor.paths.Workspace, ".git", "config")
	_, _ = c.executor.git(c.ctx, c.executor.spec.Dirs.Build, "config", "--file", config, "--unset-all", "core.worktree")
	return nil
}

func (c *copier) gitPath(what string) (string, error) {
	out, err := c.executor.git(c.ctx, c.source, "rev-parse", what)
	if err != nil {
		return "", err
	}
	path := strings.TrimSuffix(out, "\n")
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.source, path)
	}
	return filepath.EvalSymlinks(path)
}

func (c *copier) makeRepository(from string, leave func(string) bool) error {
	if err := c.to.Mkdir(".git", 0o755); err != nil {
		return err
	}
	if err := c.executor.own(c.to, ".git"); err != nil {
		return err
	}
	inner, err := newCopier(c.ctx, c.executor, from, filepath.Join(c.executor.paths.Workspace, ".git"))
	if err != nil {
		return err
	}
	defer inner.close()
	err = inner.tree(".", leave)
	c.files += inner.files
	c.bytes += inner.bytes
	return err
}

func (c *copier) overlayRepository(from string) error {
	target := filepath.Join(c.executor.paths.Workspace, ".git")
	inner, err := newCopier(c.ctx, c.executor, from, target)
	if err != nil {
		return err
	}
	defer inner.close()
	for _, name := range []string{"HEAD", "ORIG_HEAD", "index"} {
		if err := inner.to.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := inner.listed(name); err != nil {
			return err
		}
	}
	return nil
}

// noLocks leaves out the locks of a git that runs right now: nobody would ever
// take them away in the copy.
func noLocks(name string) bool { return strings.HasSuffix(name, ".lock") }
