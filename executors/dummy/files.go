package dummy

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"sync"
)

// files are the files of one executor, by path.
type files struct {
	alias func(string) string // gives the one name of a file; nil: each has one

	mu      sync.Mutex
	temp    string
	content map[string][]byte
}

// move gives the temp directory another name, before there are files in it.
func (f *files) move(temp string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.temp = temp
}

// key gives the name that a file is kept by.
func (f *files) key(at string) string {
	at = path.Clean(at)
	if f.alias != nil {
		return f.alias(at)
	}
	return at
}

// path gives where a name below the temp directory is.
func (f *files) path(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q leads out of the temp directory", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return path.Join(f.temp, name), nil
}

func (f *files) write(at string, data []byte) {
	at = f.key(at)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content[at] = slices.Clone(data)
}

func (f *files) append(at, text string) error {
	if at == "" {
		return fmt.Errorf("write to %q: %w", at, fs.ErrNotExist)
	}
	at = f.key(at)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content[at] = append(f.content[at], text...)
	return nil
}

func (f *files) read(at string) ([]byte, error) {
	key := f.key(at)
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.content[key]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: at, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

func (f *files) remove(at string) {
	at = f.key(at)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.content, at)
}

func (f *files) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.content)
}
