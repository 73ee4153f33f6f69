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
	temp string

	mu      sync.Mutex
	content map[string][]byte
}

// path gives where a name below the temp directory is.
func (f *files) path(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q leads out of the temp directory", name)
	}
	return path.Join(f.temp, name), nil
}

func (f *files) write(at string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content[path.Clean(at)] = slices.Clone(data)
}

func (f *files) append(at, text string) error {
	if at == "" {
		return fmt.Errorf("write to %q: %w", at, fs.ErrNotExist)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.content[path.Clean(at)] = append(f.content[path.Clean(at)], text...)
	return nil
}

func (f *files) read(at string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.content[path.Clean(at)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: at, Err: fs.ErrNotExist}
	}
	return slices.Clone(data), nil
}

func (f *files) remove(at string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.content, path.Clean(at))
}

func (f *files) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.content)
}
