package gitpack

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"multirunner/workflow/action/gittest"
)

func TestPacksThatAreNotWholeAreRefused(t *testing.T) {
	r := repo()
	good := r.Pack(r.Commit(gittest.Files{"x": gittest.Text("hello")}))
	for n := range len(good) {
		if _, err := read(t, good[:n], limits()); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d of %d bytes: got %v", n, len(good), err)
		}
		broken := bytes.Clone(good)
		broken[n] ^= 0x40
		if _, err := read(t, broken, limits()); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLimit) {
			t.Fatalf("byte %d changed: got %v", n, err)
		}
	}
}

func TestHostilePacksAreRefused(t *testing.T) {
	base := []byte("base")
	id := gittest.ID(gittest.BlobKind, base)
	pack := func(add func(p *gittest.Pack)) []byte {
		var p gittest.Pack
		add(&p)
		return p.Bytes()
	}
	big := limits()
	big.Held = 2000
	for name, tc := range map[string]struct {
		pack []byte
		want error
	}{
		"empty":            {nil, ErrMalformed},
		"text":             {[]byte("<html>"), ErrMalformed},
		"too many objects": {new(gittest.Pack).Counted(1 << 31), ErrLimit},
		"more than it has": {new(gittest.Pack).Add(gittest.BlobKind, base).Counted(2), ErrMalformed},
		"no type":          {pack(func(p *gittest.Pack) { p.Add(5, base) }), ErrMalformed},
		"no base by name":  {pack(func(p *gittest.Pack) { p.AddRef(id, gittest.Delta(base, 1, "x")) }), ErrMalformed},
		"its own base": {pack(func(p *gittest.Pack) {
			p.AddRef(gittest.ID(gittest.BlobKind, []byte("bx")), gittest.Delta(base, 1, "x"))
		}), ErrMalformed},
		"smaller than said":  {pack(func(p *gittest.Pack) { p.AddSized(gittest.BlobKind, 5, base) }), ErrMalformed},
		"larger than said":   {pack(func(p *gittest.Pack) { p.AddSized(gittest.BlobKind, 3, base) }), ErrMalformed},
		"announces too much": {pack(func(p *gittest.Pack) { p.AddSized(gittest.BlobKind, 1<<40, base) }), ErrLimit},
		"large tree":         {pack(func(p *gittest.Pack) { p.AddSized(gittest.TreeKind, 3000, base) }), ErrLimit},
		"delta of another": {pack(func(p *gittest.Pack) {
			p.Add(gittest.BlobKind, base).AddOfs(0, gittest.Delta([]byte("other base"), 1, "x"))
		}), ErrMalformed},
		"delta out of base": {pack(func(p *gittest.Pack) { p.Add(gittest.BlobKind, base).AddOfs(0, []byte{4, 9, 0x90, 9}) }), ErrMalformed},
		"delta is empty":    {pack(func(p *gittest.Pack) { p.Add(gittest.BlobKind, base).AddOfs(0, nil) }), ErrMalformed},
		"delta bomb": {pack(func(p *gittest.Pack) {
			p.Add(gittest.BlobKind, base).AddOfs(0, []byte{4, 0xff, 0xff, 0xff, 0xff, 0x0f})
		}), ErrLimit},
		"delta is endless": {pack(func(p *gittest.Pack) { p.Add(gittest.BlobKind, base).AddOfs(0, bytes.Repeat([]byte{0xff}, 30)) }), ErrMalformed},
		"long pack":        {pack(func(p *gittest.Pack) { p.Add(gittest.BlobKind, noise(2<<20)) }), ErrLimit},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(t, tc.pack, big); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func TestDeltasUponEachOtherAreBounded(t *testing.T) {
	var p gittest.Pack
	p.Add(gittest.BlobKind, []byte("base"))
	content := "base"
	for i := range maxChain + 2 {
		next := strings.Repeat("x", 1+i%7)
		p.AddOfs(i, gittest.Delta([]byte(content), 0, next))
		content = next
	}
	l := limits()
	l.Objects = 10_000
	// Bases are cached, so that only a cold look sees the whole chain.
	pack, err := read(t, p.Bytes(), l)
	if err != nil {
		t.Fatal(err)
	}
	pack.bases.Clear()
	if _, err := pack.content(len(pack.objects) - 1); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestWorkIsBounded(t *testing.T) {
	l := limits()
	l.Files, l.Held = 10_000, 10_000
	var p gittest.Pack
	for range 30 {
		p.Add(gittest.BlobKind, make([]byte, 9000))
	}
	if _, err := read(t, p.Bytes(), l); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfTheConnectionAndTheDiskComeBackAsTheyAre(t *testing.T) {
	r := repo()
	good := r.Pack(r.Commit(gittest.Files{"x": gittest.Text("hello")}))
	reset := errors.New("connection reset")
	file, err := os.Create(filepath.Join(t.TempDir(), "pack"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, err = Read(io.MultiReader(bytes.NewReader(good[:len(good)/2]), iotest.ErrReader(reset)), file, limits())
	if !errors.Is(err, reset) || errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
	file.Close()
	if _, err := Read(bytes.NewReader(good), file, limits()); !errors.Is(err, os.ErrClosed) || errors.Is(err, ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

func FuzzPack(f *testing.F) {
	r := repo()
	f.Add(r.Pack(r.Commit(gittest.Files{"a/b": gittest.Text("x"), "c": gittest.Program("y"), "d": gittest.Link("a")})))
	base := []byte("base base")
	var p gittest.Pack
	p.Add(gittest.BlobKind, base).AddOfs(0, gittest.Delta(base, 4, "x")).AddRef(gittest.ID(gittest.BlobKind, base), gittest.Delta(base, 3, ""))
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		small := Limits{Pack: 1 << 16, Objects: 100, Held: 1 << 16, Entries: 100, Files: 1 << 16}
		pack, err := read(t, data, small)
		if err != nil {
			return
		}
		for id := range pack.byHash {
			dir := target(t)
			_, _ = pack.Checkout(id.String(), dir)
		}
	})
}

// FuzzTree holds that a tree of any bytes writes nothing outside.
func FuzzTree(f *testing.F) {
	blob := gittest.ID(gittest.BlobKind, []byte("../../up"))
	f.Add(gittest.Tree(gittest.Entry{Mode: "120000", Name: "l", ID: blob}, gittest.Entry{Mode: "100644", Name: "l", ID: blob}))
	f.Add(gittest.Tree(gittest.Entry{Mode: "100644", Name: "../x", ID: blob}))
	f.Fuzz(func(t *testing.T, tree []byte) {
		commit := []byte("tree " + gittest.ID(gittest.TreeKind, tree) + "\n")
		var p gittest.Pack
		p.Add(gittest.BlobKind, []byte("../../up")).Add(gittest.TreeKind, tree).Add(gittest.CommitKind, commit)
		dir, _, err := checkoutOf(t, p.Bytes(), gittest.ID(gittest.CommitKind, commit), limits())
		if dir == "" {
			t.Fatal(err)
		}
		beside, err := os.ReadDir(filepath.Dir(dir))
		if err != nil || len(beside) != 1 {
			t.Fatalf("beside the tree: %v, %v", beside, err)
		}
		for name, content := range listing(t, dir) {
			if strings.HasPrefix(content, "-> ..") {
				t.Fatalf("%s leads out: %s", name, content)
			}
		}
	})
}
