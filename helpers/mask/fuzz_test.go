package mask

import (
	"bytes"
	"strings"
	"testing"
)

// naive marks every occurrence of every pattern, then replaces what is marked.
func naive(patterns map[string]bool, text string) string {
	marked := make([]bool, len(text))
	for p := range patterns {
		for i := 0; i+len(p) <= len(text); i++ {
			if text[i:i+len(p)] != p {
				continue
			}
			for j := range len(p) {
				marked[i+j] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !marked[i]:
			b.WriteByte(text[i])
		case i == 0 || !marked[i-1]:
			b.WriteString(Stars)
		}
	}
	return b.String()
}

// The automaton and the stream do what the naive search does, whatever the
// secrets, the text and the pieces. Pieces are as long as the bytes of cuts
// say.
func FuzzMask(f *testing.F) {
	f.Add("abcd", "cdef", "b", "xabcdefbabcx", []byte{1, 2, 3})
	f.Add("aa", "aaa", "a", "baaaab", []byte{1})
	f.Add("a\nb", "b\nc", "", "a\nb\nc", []byte{2})
	f.Add("<", "&", "lt;", "&lt; %3C <", []byte{0, 1})
	f.Add("secret", "ret", "cre", "c2VjcmV0 secresecret", []byte{5, 4})
	f.Add("\xff\x00", "\x00", "\xff", "\xff\x00\xff\xff\x00", []byte{1, 1})
	f.Fuzz(func(t *testing.T, a, b, c, text string, cuts []byte) {
		if len(a)+len(b)+len(c) > 300 || len(text) > 2000 {
			return
		}
		// Spell the secrets into the text, which random bytes rarely do.
		text = strings.NewReplacer("1", a, "2", b, "3", c).Replace(text)
		for _, m := range []*Masker{withSecrets(a, b, c), layered(a, b, c)} {
			want := naive(m.patterns, text)
			if got := m.Mask(text); got != want {
				t.Fatalf("secrets %q %q %q, text %q: got %q, want %q", a, b, c, text, got, want)
			}
			if m.Contains(text) != (want != text) {
				t.Fatalf("secrets %q %q %q, text %q: Contains is %t", a, b, c, text, m.Contains(text))
			}
			if m.Contains(want) && m.Mask(want) == want {
				t.Fatalf("Contains says that %q changes", want)
			}
			if got := streamed(m, cut(text, cuts)...); got != want {
				t.Fatalf("secrets %q %q %q, text %q in pieces %q: got %q, want %q", a, b, c, text, cut(text, cuts), got, want)
			}
		}
	})
}

// layered gives a masker in which each secret is a layer of its own.
func layered(secrets ...string) *Masker {
	m := New()
	for _, s := range secrets {
		m.Add(s)
		m.layers = append(m.layers, layer{matcher: newMatcher(m.added, 0)})
		m.added = nil
	}
	m.current.Store(&m.layers)
	return m
}

// cut cuts a text into pieces of the given lengths, over and over.
func cut(text string, lengths []byte) []string {
	var pieces []string
	for i := 0; text != ""; i++ {
		n := len(text)
		if len(lengths) > 0 {
			n = min(n, int(lengths[i%len(lengths)]))
		}
		if n == 0 && i >= len(lengths) {
			n = 1
		}
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

// A flush may show the beginning of a secret, but never loses or adds bytes
// in a text without secrets, and never shows a whole one.
func FuzzFlush(f *testing.F) {
	f.Add("secret", "a secret b", byte(4), byte(3))
	f.Add("aa", "aaaaaa", byte(1), byte(2))
	f.Fuzz(func(t *testing.T, secret, text string, size, every byte) {
		if len(secret) > 100 || len(text) > 1000 {
			return
		}
		m := withSecrets(secret)
		var out bytes.Buffer
		s := m.Stream(func(p []byte) { out.Write(p) })
		for i, piece := range cut(text, []byte{size}) {
			_, _ = s.Write([]byte(piece))
			if every > 0 && i%int(every) == 0 {
				s.Flush()
			}
		}
		s.Flush()
		if !m.Contains(text) && out.String() != text {
			t.Fatalf("secret %q, text %q: got %q", secret, text, out.String())
		}
		for p := range m.patterns {
			// Stars stand in the output where the end of each secret was, so a
			// whole one can only be there if it is made of stars itself.
			if !strings.Contains(p, "*") && strings.Contains(out.String(), p) {
				t.Fatalf("secret %q, text %q: got %q", secret, text, out.String())
			}
		}
	})
}
