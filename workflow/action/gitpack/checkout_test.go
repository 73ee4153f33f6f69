package gitpack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/workflow/action/gittest"
)

func TestACommitIsWrittenReadOnlyWithItsModes(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("modes and links of Unix")
	}
	r := repo()
	commit := r.Commit(gittest.Files{
		"action.yml":  gittest.Text("name: x"),
		"bin/run.sh":  gittest.Program("#!/bin/sh"),
		"bin/empty":   gittest.Text(""),
		"a/b/c":       gittest.Text("deep"),
		"a/b/up":      gittest.Link("../../bin/./run.sh"),
		"here":        gittest.Link("a"),
		"vendor/lib":  gittest.Submodule(strings.Repeat("1", 40)),
		"large":       gittest.Text(strings.Repeat("0123456789", 100_000)),
		"a/escape":    gittest.Link("../../outside"),
		"absolute":    gittest.Link("/etc/passwd"),
		"a/turn":      gittest.Link("b/../../../outside"),
		"a/b/c.later": gittest.Link("c/../.."),
	})
	dir, tree, err := checkoutOf(t, r.Pack(commit), strings.ToUpper(commit), limits())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"./": "r-xr-xr-x", "a/": "r-xr-xr-x", "a/b/": "r-xr-xr-x", "bin/": "r-xr-xr-x", "vendor/": "r-xr-xr-x", "vendor/lib/": "r-xr-xr-x",
		"action.yml":  "-r--r--r-- name: x",
		"bin/run.sh":  "-r-xr-xr-x #!/bin/sh",
		"bin/empty":   "-r--r--r-- ",
		"a/b/c":       "-r--r--r-- deep",
		"a/b/up":      "-> ../../bin/./run.sh",
		"here":        "-> a",
		"large":       "-r--r--r-- " + strings.Repeat("0123456789", 100_000),
		"a/escape":    "-r--r--r-- ../../outside",
		"absolute":    "-r--r--r-- /etc/passwd",
		"a/turn":      "-r--r--r-- b/../../../outside",
		"a/b/c.later": "-r--r--r-- c/../..",
	}
	for name, mode := range want {
		if strings.HasSuffix(name, "/") {
			want[name] = "d" + mode
		}
	}
	got := listing(t, dir)
	for name := range got {
		if strings.HasSuffix(name, "/") {
			got[name] = "d" + strings.TrimPrefix(got[name], "-")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff[:min(len(diff), 3000)])
	}
	if tree.Commit != commit || tree.Entries != 16 || len(tree.Inert) != 4 {
		t.Errorf("got %+v", tree)
	}
}

func TestATagLeadsToItsCommit(t *testing.T) {
	r := repo()
	commit := r.Commit(gittest.Files{"x": gittest.Text("1")})
	tag := r.Annotate("v1", commit)
	_, tree, err := checkoutOf(t, r.Pack(tag), tag, limits())
	if err != nil || tree.Commit != commit {
		t.Errorf("got %+v, %v", tree, err)
	}
}

func TestDeltasAreResolved(t *testing.T) {
	base := []byte(strings.Repeat("base ", 200))
	second, third := append(bytes.Clone(base[:500]), "second"...), append(bytes.Clone(base[:300]), "third"...)
	tree := gittest.Tree(
		gittest.Entry{Mode: "100644", Name: "one", ID: gittest.ID(gittest.BlobKind, base)},
		gittest.Entry{Mode: "100644", Name: "three", ID: gittest.ID(gittest.BlobKind, third)},
		gittest.Entry{Mode: "100644", Name: "two", ID: gittest.ID(gittest.BlobKind, second)},
	)
	commit := []byte("tree " + gittest.ID(gittest.TreeKind, tree) + "\n")
	var p gittest.Pack
	// The second refers to its base by name, before it; the third to the second.
	p.AddRef(gittest.ID(gittest.BlobKind, base), gittest.Delta(base, 500, "second"))
	p.AddOfs(0, gittest.Delta(second, 300, "third"))
	p.Add(gittest.BlobKind, base).Add(gittest.TreeKind, tree).Add(gittest.CommitKind, commit)
	dir, _, err := checkoutOf(t, p.Bytes(), gittest.ID(gittest.CommitKind, commit), limits())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{"one": base, "two": second, "three": third} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// packOf makes a pack of a tree of any entries and one blob.
func packOf(blob string, entries ...gittest.Entry) (pack []byte, commit string) {
	tree := gittest.Tree(entries...)
	data := []byte("tree " + gittest.ID(gittest.TreeKind, tree) + "\n")
	var p gittest.Pack
	p.Add(gittest.BlobKind, []byte(blob)).Add(gittest.TreeKind, tree).Add(gittest.CommitKind, data)
	return p.Bytes(), gittest.ID(gittest.CommitKind, data)
}

func TestHostileTreesAreRefused(t *testing.T) {
	blob := gittest.ID(gittest.BlobKind, []byte("x"))
	entry := func(mode, name string) gittest.Entry { return gittest.Entry{Mode: mode, Name: name, ID: blob} }
	for name, tc := range map[string]struct {
		entries []gittest.Entry
		want    error
	}{
		"upwards":             {[]gittest.Entry{entry("100644", "..")}, ErrRefused},
		"itself":              {[]gittest.Entry{entry("100644", ".")}, ErrRefused},
		"no name":             {[]gittest.Entry{entry("100644", "")}, ErrRefused},
		"a path":              {[]gittest.Entry{entry("100644", "../x")}, ErrRefused},
		"an absolute path":    {[]gittest.Entry{entry("100644", "/x")}, ErrRefused},
		"a repository":        {[]gittest.Entry{entry("100644", ".GIT")}, ErrRefused},
		"its short name":      {[]gittest.Entry{entry("100644", "GIT~1")}, ErrRefused},
		"a long name":         {[]gittest.Entry{entry("100644", strings.Repeat("x", 256))}, ErrRefused},
		"twice":               {[]gittest.Entry{entry("100644", "x"), entry("100755", "x")}, ErrRefused},
		"a link and a file":   {[]gittest.Entry{entry("120000", "x"), entry("100644", "x")}, ErrRefused},
		"a link and a folder": {[]gittest.Entry{entry("120000", "x"), entry("160000", "x")}, ErrRefused},
		"a device":            {[]gittest.Entry{entry("060000", "x")}, ErrMalformed},
		"set user":            {[]gittest.Entry{entry("104755", "x")}, ErrMalformed},
		"a blob as a folder":  {[]gittest.Entry{entry("40000", "x")}, ErrMalformed},
		"nothing there":       {[]gittest.Entry{{Mode: "100644", Name: "x", ID: strings.Repeat("0", 40)}}, ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			pack, commit := packOf("x", tc.entries...)
			_, _, err := checkoutOf(t, pack, commit, limits())
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestATreeThatEndsEarlyIsRefused(t *testing.T) {
	for _, tree := range []string{"100644 x", "100644 x\x00123", "100644", " ", "100644 \x00"} {
		commit := []byte("tree " + gittest.ID(gittest.TreeKind, []byte(tree)) + "\n")
		var p gittest.Pack
		p.Add(gittest.TreeKind, []byte(tree)).Add(gittest.CommitKind, commit)
		if _, _, err := checkoutOf(t, p.Bytes(), gittest.ID(gittest.CommitKind, commit), limits()); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %v", tree, err)
		}
	}
}

func TestWhatIsNoCommitIsRefused(t *testing.T) {
	blob := gittest.ID(gittest.BlobKind, []byte("x"))
	pack, commit := packOf("x", gittest.Entry{Mode: "100644", Name: "x", ID: blob})
	for id, want := range map[string]error{
		blob: ErrRefused, strings.Repeat("0", 40): ErrMissing, "x": ErrMalformed, commit[:39]: ErrMalformed, commit: nil,
	} {
		if _, _, err := checkoutOf(t, pack, id, limits()); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", id, err, want)
		}
	}
	loop := []byte("tree x")
	var p gittest.Pack
	p.Add(gittest.CommitKind, loop)
	if _, _, err := checkoutOf(t, p.Bytes(), gittest.ID(gittest.CommitKind, loop), limits()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a commit without a tree: %v", err)
	}
}

func TestBoundsOfTrees(t *testing.T) {
	r := repo()
	// Each level has ten times what is below it: 10^8 files of few objects.
	tree := gittest.Tree(gittest.Entry{Mode: "100644", Name: "x", ID: r.Store(gittest.BlobKind, []byte("x"))})
	for range 8 {
		var entries []gittest.Entry
		for i := range 10 {
			entries = append(entries, gittest.Entry{Mode: "40000", Name: fmt.Sprint(i), ID: r.Store(gittest.TreeKind, tree)})
		}
		tree = gittest.Tree(entries...)
	}
	bomb := r.CommitTree(r.Store(gittest.TreeKind, tree))

	deep := gittest.Tree(gittest.Entry{Mode: "100644", Name: "x", ID: r.Store(gittest.BlobKind, []byte("x"))})
	for range 150 {
		deep = gittest.Tree(gittest.Entry{Mode: "40000", Name: "d", ID: r.Store(gittest.TreeKind, deep)})
	}
	chain := r.CommitTree(r.Store(gittest.TreeKind, deep))

	var same []gittest.Entry
	megabyte := r.Store(gittest.BlobKind, make([]byte, 1<<20))
	for i := range 10 {
		same = append(same, gittest.Entry{Mode: "100644", Name: fmt.Sprint(i), ID: megabyte})
	}
	wide := r.CommitTree(r.Store(gittest.TreeKind, gittest.Tree(same...)))
	link := r.Commit(gittest.Files{"x": gittest.Link(strings.Repeat("x", 5000))})

	for name, commit := range map[string]string{"many files": bomb, "deep": chain, "many bytes": wide, "long link": link} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := checkoutOf(t, r.Pack(commit), commit, limits()); !errors.Is(err, ErrLimit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLinksThatStayInside(t *testing.T) {
	for _, tc := range []struct {
		dir, target string
		want        bool
	}{
		{"", "a", true}, {"", "a/b", true}, {"", ".", true}, {"", "./a", true}, {"a", "..", true}, {"a/b", "../..", true}, {"a/b", "./.././../c", true},
		{"", "..", false}, {"a", "../..", false}, {"a", "b/..", false}, {"a/b", "../c/..", false}, {"", "/a", false}, {"", "", false},
		{"", "a\x00", false}, {"", `..\a`, false}, {"", "C:a", false}, {"a", "../../a", false},
	} {
		if got := staysInside(tc.dir, tc.target); got != tc.want {
			t.Errorf("%q in %q: got %v", tc.target, tc.dir, got)
		}
	}
}
