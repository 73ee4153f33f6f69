package gitpack

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"multirunner/workflow/action/gittest"
)

func limits() Limits {
	return Limits{Pack: 1 << 20, Objects: 1000, Held: 1 << 20, Entries: 1000, Files: 4 << 20}
}

func read(t testing.TB, pack []byte, limits Limits) (*Pack, error) {
	t.Helper()
	return Read(bytes.NewReader(pack), &memory{}, limits)
}

// memory is a file in memory.
type memory struct {
	data []byte
	at   int64
}

func (m *memory) Write(b []byte) (int, error) {
	m.data = append(m.data, b...)
	return len(b), nil
}

func (m *memory) Read(b []byte) (int, error) {
	n, err := bytes.NewReader(m.data[m.at:]).Read(b)
	m.at += int64(n)
	return n, err
}

func (m *memory) Seek(offset int64, _ int) (int64, error) {
	m.at = offset
	return offset, nil
}

// target is an empty directory that can be removed whatever is written to it.
func target(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				_ = os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	return dir
}

// checkoutOf reads a pack and writes a commit of it.
func checkoutOf(t testing.TB, pack []byte, id string, limits Limits) (string, Tree, error) {
	t.Helper()
	p, err := read(t, pack, limits)
	if err != nil {
		return "", Tree{}, err
	}
	dir := target(t)
	tree, err := p.Checkout(id, dir)
	return dir, tree, err
}

// listing gives mode and content of all that is below a directory.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			got[filepath.ToSlash(name)+"/"] = info.Mode().Perm().String()
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			got[filepath.ToSlash(name)] = "-> " + to
			return err
		default:
			data, err := os.ReadFile(path)
			got[filepath.ToSlash(name)] = info.Mode().Perm().String() + " " + string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func repo() *gittest.Repo { return new(gittest.Server).Repo("a/b") }
