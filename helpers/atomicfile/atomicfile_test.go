package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func onlyFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files in the directory, want no temporary ones left: %v", len(entries), entries)
	}
}

func TestWriteReplacesTheWholeContent(t *testing.T) {
	for name, write := range map[string]func(string, []byte, fs.FileMode) error{
		"Write": Write, "WriteNoSync": WriteNoSync,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f")
			for _, text := range []string{"a longer first text", "short", ""} {
				if err := write(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if got := content(t, path); got != text {
					t.Errorf("got %q, want %q", got, text)
				}
			}
			onlyFile(t, dir)
		})
	}
}

func TestARelativePathWithoutDirectoryWorks(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := Write("f", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, ".")
}

func TestADirectoryIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("x"), 0o600); err == nil {
		t.Error("no error")
	}
	onlyFile(t, dir)
}

func TestAMissingDirectoryIsAnError(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "no", "f"), nil, 0o600); err == nil {
		t.Error("no error")
	}
}

func TestOverwriteShortensTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("a longer text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := overwrite(path, []byte("new"), true); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "new" {
		t.Errorf("got %q", got)
	}
}
