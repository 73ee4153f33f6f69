// Package hashfiles computes what the hashFiles function of workflows gives: a
// digest over the digests of files that patterns select.
package hashfiles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Sum gives the digest, in hex, of the files below dir that the patterns
// select; "" when there are none. A pattern argument may hold several lines.
// Lines that start with ! take files out again, those with # are comments. An
// absolute pattern begins with dir's name.
//
// The order of files is that of GitHub's glob library: the patterns' literal
// beginnings in order, each walked depth first with names in byte order. Links
// to directories are followed on demand only, and no link leads out of dir.
func Sum(ctx context.Context, dir *os.Root, patterns []string, follow bool) (string, error) {
	set, err := parse(dir.Name(), patterns)
	if err != nil || len(set) == 0 {
		return "", err
	}
	w := walker{ctx: ctx, root: dir, patterns: set, follow: follow, sum: sha256.New()}
	for _, start := range set.starts() {
		if err := w.walk(start, nil); err != nil {
			return "", err
		}
	}
	if w.files == 0 {
		return "", nil
	}
	return hex.EncodeToString(w.sum.Sum(nil)), nil
}

// walker visits files and adds their digests.
type walker struct {
	ctx      context.Context
	root     *os.Root
	patterns patternSet
	follow   bool
	sum      hash.Hash
	files    int
}

// walk visits a file or directory. above are the directories that it is in.
func (w *walker) walk(path segments, above []fs.FileInfo) error {
	if err := w.ctx.Err(); err != nil {
		return context.Cause(w.ctx)
	}
	selected := w.patterns.match(path)
	if !selected && !w.patterns.mayMatchBelow(path) {
		return nil
	}
	info, err := w.stat(path)
	if err != nil {
		return nil // gone, or a link to nowhere or out of the workspace
	}
	if !info.IsDir() {
		if !selected {
			return nil
		}
		return w.add(path)
	}
	for _, dir := range above {
		if os.SameFile(dir, info) {
			return nil // a link to a directory that it is in
		}
	}
	entries, err := fs.ReadDir(w.root.FS(), path.String())
	if err != nil {
		return err
	}
	above = append(above[:len(above):len(above)], info)
	for _, entry := range entries {
		if err := w.walk(path.below(entry.Name()), above); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) stat(path segments) (fs.FileInfo, error) {
	if w.follow {
		return w.root.Stat(path.String())
	}
	return w.root.Lstat(path.String())
}

// add hashes a regular file. What the job made of the name meanwhile must not
// block: a named pipe is opened without waiting, and then left out.
func (w *walker) add(path segments) error {
	file, err := w.root.OpenFile(path.String(), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, reader{w.ctx, file}); err != nil {
		return err
	}
	w.sum.Write(digest.Sum(nil))
	w.files++
	return nil
}

// reader stops when ctx is done.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
