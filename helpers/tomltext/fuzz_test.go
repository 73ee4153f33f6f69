package tomltext

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "a = 1", "\xef\xbb\xbf[[runners]]\n", "[[runners]]\r\nname='a'\r\n",
		"# x\n[[runners]]\nname = \"a\"\n\n# y\n[[runners]]\n[runners.shell]\nuser=1\n\n[polling]\n[runners.docker]\n",
		"a = \"\"\"\n[[runners]]\\\"\"\"\"\"\"\nb=1", "a='''x''''' # c\n[[runners]]", "runners = [{a=1},{b=[{c=2}]}]\n",
		"[[runners]]\na.b.\"c.\\u0041\" = {x=1, y=[1,\n2]}\n[[runners.z]]\n[[runners.z]]\n[a]\n", "[runners]\n[x", "a=[[[[\n[[runners]]",
		"[[runners]]\na=1\n#b=2\n[[runners]]", "[[runners]]\n[runners.a]\n[b]\n[[runners]]\n[c]\n[runners.a]\n", "a = \"x\\\n[[runners]]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(check)
}

// TestRandomDocumentsSurviveEdits puts lines together that a fuzzer seldom finds.
func TestRandomDocumentsSurviveEdits(t *testing.T) {
	pieces := []string{
		"\n", "\n\n", "# c\n", "  # c = 1\n", "[[runners]]\n", "[[runners]] # c\r\n", "[ \"runners\".shell ]\n", "[[runners.list]]\n",
		"[polling]\n", "[[others]]\n", "[metrics.deep]\n", "K = 1\n", "K.K = '''\n[[runners]]\n'''\n", "K = [ 1, # c\n\n {K=1},]\n",
		"K = \"\"\"\n# c\n\\\"\"\"\"\n", "K = {a.b = \"}\", c = [[]]}\n", "\"K # [\" = \"\\\"[[runners]]\"\n",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var text strings.Builder
		for i := range 2 + random.IntN(14) {
			piece := pieces[random.IntN(len(pieces))]
			text.WriteString(strings.ReplaceAll(piece, "K", fmt.Sprint("k", i))) // keys must not repeat
		}
		check(t, []byte(text.String()))
	}
}

func check(t *testing.T, data []byte) {
	doc := Scan(data)
	checkTiles(t, doc)
	blocks := doc.Blocks("runners")
	for _, b := range blocks {
		end := 0
		for _, s := range b.spans {
			if s.start < end || s.end <= s.start || s.end > len(data) {
				t.Fatalf("block %d: bad spans %v", b.Index, b.spans)
			}
			end = s.end
		}
		doc.RemoveBlock(b)
	}

	var before map[string]any
	meta, err := toml.Decode(string(data), &before)
	if err != nil {
		return
	}
	checkKeys(t, doc, meta)
	checkAppend(t, doc, before)
	runners, ok := before["runners"].([]map[string]any)
	if !ok || len(blocks) != len(runners) {
		if ok && len(blocks) > 0 {
			t.Fatalf("%d blocks, decoded %d", len(blocks), len(runners))
		}
		return
	}
	for i, b := range blocks {
		var after map[string]any
		text := doc.RemoveBlock(b)
		if _, err := toml.Decode(string(text), &after); err != nil {
			t.Fatalf("without block %d: %v\n%s", i, err, text)
		}
		rest, _ := after["runners"].([]map[string]any)
		if len(rest) != len(runners)-1 {
			t.Fatalf("without block %d: %d left", i, len(rest))
		}
		want := append(append([]map[string]any{}, runners[:i]...), runners[i+1:]...)
		for j := range want {
			if !same(rest[j], want[j]) {
				t.Fatalf("without block %d: %v, want %v", i, rest, want)
			}
		}
	}
}

// checkTiles: the statements cover the text, a newline ends each but the last.
func checkTiles(t *testing.T, doc *Doc) {
	at, line := 0, 1
	if bytes.HasPrefix(doc.data, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	for _, st := range doc.statements {
		if st.start != at || st.end <= st.start || st.line != line {
			t.Fatalf("statement %+v does not follow %d, line %d", st, at, line)
		}
		line += bytes.Count(doc.data[st.start:st.end], []byte("\n"))
		at = st.end
	}
	if at != len(doc.data) {
		t.Fatalf("the statements end at %d of %d", at, len(doc.data))
	}
	for _, e := range doc.entries {
		if e.Line < 1 || e.Line > line {
			t.Fatalf("entry %+v of %d lines", e, line)
		}
		if doc.Line(e.Path) == 0 {
			t.Fatalf("no line for %q", e.Path)
		}
	}
}

// checkKeys: what a decoder sees is seen here.
func checkKeys(t *testing.T, doc *Doc, meta toml.MetaData) {
	have := map[string]bool{}
	for _, e := range doc.entries {
		for i := range e.Keys {
			have[strings.Join(e.Keys[:i+1], "\x00")] = true
		}
	}
	for _, key := range meta.Keys() {
		if !have[strings.Join(key, "\x00")] {
			t.Fatalf("key %q not found", []string(key))
		}
	}
}

func checkAppend(t *testing.T, doc *Doc, before map[string]any) {
	runners, isArray := before["runners"].([]map[string]any)
	if _, exists := before["runners"]; exists && (!isArray || len(doc.Blocks("runners")) == 0) {
		return // a static array or a table: TOML does not let it grow
	}
	text := doc.AppendBlock("[[runners]]\nnew = true")
	if !bytes.HasPrefix(text, doc.data) {
		t.Fatalf("the text before has changed: %q", text)
	}
	var after map[string]any
	if _, err := toml.Decode(string(text), &after); err != nil {
		t.Fatalf("after append: %v\n%s", err, text)
	}
	if got := after["runners"].([]map[string]any); len(got) != len(runners)+1 || got[len(got)-1]["new"] != true {
		t.Fatalf("after append: %v", got)
	}
}

// same is DeepEqual where NaN equals itself.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if !same(a[k], b[k]) {
				return false
			}
		}
		return true
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || a != a && b != b)
	case []any:
		b, ok := b.([]any)
		return ok && sameAll(a, b)
	case []map[string]any:
		b, ok := b.([]map[string]any)
		return ok && sameAll(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func sameAll[T any](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}
