package hashfiles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// tree makes files whose content is their path.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, file := range files {
		path := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// digest is what files with these contents in this order must give.
func digest(contents ...string) string {
	if len(contents) == 0 {
		return ""
	}
	all := sha256.New()
	for _, c := range contents {
		one := sha256.Sum256([]byte(c))
		all.Write(one[:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

// sum is Sum of a directory by its name.
func sum(t *testing.T, ctx context.Context, dir string, patterns []string, follow bool) (string, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return Sum(ctx, root, patterns, follow)
}

func TestSum(t *testing.T) {
	root := tree(t, "go.sum", "a/go.sum", "a/b/go.sum", "a/x.txt", "a/.hidden", "b/x.txt", "a-b/y.txt", "[x]", "Z.txt")
	tests := []struct {
		claim    string
		patterns []string
		want     []string
	}{
		{"a name at the root", []string{"go.sum"}, []string{"go.sum"}},
		{"a leading dot is the root", []string{"./go.sum"}, []string{"go.sum"}},
		{"nothing selected gives nothing", []string{"missing"}, nil},
		{"no patterns give nothing", []string{"", "# go.sum"}, nil},
		{"** goes depth first in byte order", []string{"**/go.sum"}, []string{"a/b/go.sum", "a/go.sum", "go.sum"}},
		{"** is any number of directories, also none", []string{"a/**/go.sum"}, []string{"a/b/go.sum", "a/go.sum"}},
		{"a directory selects what is in it", []string{"a"}, []string{"a/.hidden", "a/b/go.sum", "a/go.sum", "a/x.txt"}},
		{"a slash at the end selects directories only", []string{"go.sum/", "b/"}, []string{"b/x.txt"}},
		{"** at the end is all below", []string{"b/**"}, []string{"b/x.txt"}},
		{"* takes names with a dot", []string{"a/*"}, []string{"a/.hidden", "a/b/go.sum", "a/go.sum", "a/x.txt"}},
		{"* does not cross a slash", []string{"*.txt"}, []string{"Z.txt"}},
		{"? is one character", []string{"?/x.txt"}, []string{"a/x.txt", "b/x.txt"}},
		{"sets", []string{"[a-b]/x.txt"}, []string{"a/x.txt", "b/x.txt"}},
		{"negated sets", []string{"[!a]/x.txt"}, []string{"b/x.txt"}},
		{"an open bracket is a character", []string{"[x"}, nil},
		{"a backslash escapes", []string{`\[x\]`}, []string{"[x]"}},
		{"the patterns' order is the files' order", []string{"b/x.txt", "a/x.txt"}, []string{"b/x.txt", "a/x.txt"}},
		{"a start below another one is walked with it", []string{"a/x.txt", "b", "a"}, []string{"b/x.txt", "a/.hidden", "a/b/go.sum", "a/go.sum", "a/x.txt"}},
		{"no file counts twice", []string{"go.sum", "go.sum", "*.sum"}, []string{"go.sum"}},
		{"lines of one argument", []string{"b/x.txt\n  a/x.txt  \n"}, []string{"b/x.txt", "a/x.txt"}},
		{"! takes out", []string{"**/x.txt", "!a/**"}, []string{"b/x.txt"}},
		{"! takes out directories", []string{"a", "!a/b"}, []string{"a/.hidden", "a/go.sum", "a/x.txt"}},
		{"later patterns put in again", []string{"a/*", "!a/x.txt", "a/x.txt"}, []string{"a/.hidden", "a/b/go.sum", "a/go.sum", "a/x.txt"}},
		{"two ! are none", []string{"!!go.sum"}, []string{"go.sum"}},
		{"absolute paths below the root", []string{root + "/b/x.txt"}, []string{"b/x.txt"}},
		{"paths outside select nothing", []string{"/etc/passwd", root + "x/y"}, nil},
		{"many ** are cheap", []string{"**/**/**/**/**/**/**/**/**/**/**/**/**/**/x.txt"}, []string{"a/x.txt", "b/x.txt"}},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			got, err := sum(t, t.Context(), root, test.patterns, false)
			if want := digest(test.want...); err != nil || got != want {
				t.Errorf("Sum(%q) = %q, %v, want %q for %q", test.patterns, got, err, want, test.want)
			}
		})
	}
}

func TestSumRefusesDotsInAPath(t *testing.T) {
	for _, pattern := range []string{"a/../b", "../x", "a/./b"} {
		if got, err := sum(t, t.Context(), tree(t, "a"), []string{pattern}, false); err == nil {
			t.Errorf("Sum(%q) = %q, want an error", pattern, got)
		}
	}
}

func TestLinks(t *testing.T) {
	outside := tree(t, "secret")
	root := tree(t, "dir/file")
	for link, target := range map[string]string{
		"to-file":    "dir/file",
		"to-dir":     "dir",
		"to-nowhere": "nothing",
		"to-outside": filepath.Join(outside, "secret"),
		"dir/circle": "..",
	} {
		if err := os.Symlink(target, filepath.Join(root, filepath.FromSlash(link))); err != nil {
			t.Skip(err)
		}
	}
	got, err := sum(t, t.Context(), root, []string{"**"}, false)
	if want := digest("dir/file", "dir/file"); err != nil || got != want {
		t.Errorf("not followed: %q, %v, want %q", got, err, want)
	}
	got, err = sum(t, t.Context(), root, []string{"**"}, true)
	if want := digest("dir/file", "dir/file", "dir/file"); err != nil || got != want {
		t.Errorf("followed: %q, %v, want %q", got, err, want)
	}
}

func TestSumStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := sum(t, ctx, tree(t, "a"), []string{"**"}, false); !errors.Is(err, why) {
		t.Errorf("Sum gave %v, want %v", err, why)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?[c-e]", "axxbyd")
	f.Add("[", "[")
	f.Add(`\`, `\`)
	f.Fuzz(func(t *testing.T, pattern, name string) {
		g := compile(pattern, false)
		g.match(name)
		if text, ok := g.literal(); ok && !g.match(text) {
			t.Errorf("%q does not match the only name it should, %q", pattern, text)
		}
	})
}
