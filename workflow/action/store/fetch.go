package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multirunner/helpers/rmtree"
	"multirunner/workflow/action/gitpack"
)

// fetch makes the entry of a key, whose exclusive lock is held: in a temporary
// directory, which is renamed when all is there.
func (s *Store) fetch(ctx context.Context, r *repository, k key, action string) (err error) {
	t, err := s.newTemp()
	if err != nil {
		return err
	}
	defer func() {
		if failed := t.remove(); failed != nil {
			s.log.WithError(failed).Warn("A temporary directory of the action store cannot be removed")
		}
	}()
	made := filepath.Join(t.dir, "entry")
	start := time.Now()
	tree, received, err := s.download(ctx, r, k, t.dir, made, action)
	if err != nil {
		return err
	}
	m := meta{V: metaVersion, Scope: k.scope, URL: k.url, Key: k.commit, Commit: tree.Commit, Files: tree.Entries, Fetched: time.Now().UTC()}
	if m.Print, m.Bytes, err = fingerprint(treeDir(made)); err != nil {
		return fmt.Errorf("the action store: %w", err)
	}
	if err := writeMeta(made, m); err != nil {
		return fmt.Errorf("the action store: %w", err)
	}
	if err := s.replace(t, made, s.entryDir(k)); err != nil {
		return fmt.Errorf("the action store: %w", err)
	}
	s.fetched.Store(true)
	s.row("%s: fetched %s in %s", action, size(received), time.Since(start).Round(10*time.Millisecond))
	if n := len(tree.Inert); n > 0 {
		s.row("%s: %d links lead out of its repository, they are files here: %s", action, n, strings.Join(tree.Inert[:min(n, 5)], ", "))
	}
	return nil
}

// replace puts an entry to its place, and what may be there into the temporary
// directory, to be removed with it.
func (s *Store) replace(t *temp, made, place string) error {
	err := os.Rename(place, filepath.Join(t.dir, "old"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(made, place)
}

// download gets the pack and writes the tree of the entry.
func (s *Store) download(ctx context.Context, r *repository, k key, dir, made, action string) (tree gitpack.Tree, received int64, err error) {
	remote, err := s.remote(r, k.scope)
	if err != nil {
		return tree, 0, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "pack"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return tree, 0, fmt.Errorf("the action store: %w", err)
	}
	defer file.Close()
	var pack *gitpack.Pack
	err = s.retry(ctx, action, func() error {
		if err := empty(file); err != nil {
			return err
		}
		return remote.Fetch(ctx, k.commit, func(from io.Reader) (err error) {
			pack, err = gitpack.Read(from, file, s.options.Limits)
			return err
		})
	})
	if err != nil {
		return tree, 0, err
	}
	if info, err := file.Stat(); err == nil {
		received = info.Size()
	}
	if err := makeEntryDir(made); err != nil {
		return tree, 0, fmt.Errorf("the action store: %w", err)
	}
	err = s.inSlot(ctx, func() error {
		tree, err = pack.Checkout(k.commit, treeDir(made))
		return err
	})
	return tree, received, err
}

// empty makes ready for another attempt.
func empty(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// makeEntryDir makes an entry's directories passable whatever the umask.
func makeEntryDir(made string) error {
	if err := rmtree.Remove(made); err != nil {
		return err
	}
	for _, dir := range []string{made, treeDir(made)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
