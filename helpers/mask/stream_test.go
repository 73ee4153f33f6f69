package mask

import (
	"bytes"
	"strings"
	"testing"
)

// streamed writes the pieces to a stream and gives what comes out.
func streamed(m *Masker, pieces ...string) string {
	var out bytes.Buffer
	s := m.Stream(func(p []byte) { out.Write(p) })
	for _, piece := range pieces {
		_, _ = s.Write([]byte(piece))
	}
	s.Flush()
	return out.String()
}

func TestStreamSplitAtEveryByte(t *testing.T) {
	m := withSecrets("hunter2-hunter2", "first line\nsecond line", "abcd", "cdef", "b", "x<y")
	texts := []string{
		"the password is hunter2-hunter2, and hunter2-hunter is not",
		"hunter2-hunter2hunter2-hunter2",
		"[first line\nsecond line] first line second line",
		"abcdef cdefabcd abc bcd cde",
		"aGVsbG8gaHVudGVyMi1odW50ZXIy", // base64 of "hello hunter2-hunter2"
		"x&lt;y x%3Cy x\\u003cy",
		"",
		"hunter2-hunter",
	}
	for _, text := range texts {
		want := m.Mask(text)
		if got := streamed(m, text); got != want {
			t.Errorf("%q at once: got %q, want %q", text, got, want)
		}
		if got := streamed(m, strings.Split(text, "")...); got != want {
			t.Errorf("%q byte by byte: got %q, want %q", text, got, want)
		}
		for i := range len(text) {
			for j := i; j < len(text); j++ {
				if got := streamed(m, text[:i], text[i:j], text[j:]); got != want {
					t.Errorf("%q | %q | %q: got %q, want %q", text[:i], text[i:j], text[j:], got, want)
				}
			}
		}
	}
}

func TestStreamHoldsBackOnlyWhatMayBeginASecret(t *testing.T) {
	m := withSecrets("abcd", "b")
	steps := []struct{ write, out string }{
		{"xyz", "xyz"},
		{"xa", "x"},
		{"", ""},
		{"b", ""},
		{"c", ""},
		{"x", "a***cx"},
		{"ab", ""},
		{"cd", "***"},
		{"b", ""}, // touches what was masked
		{"b.", "."},
		{"abcdabcd", "***"},
		{"ab", ""},
		{"c-", "a***c-"}, // the stars before it are not touched: a is shown
	}
	var out bytes.Buffer
	s := m.Stream(func(p []byte) {
		if len(p) == 0 {
			t.Error("an empty slice was given")
		}
		out.Write(p)
	})
	for i, step := range steps {
		out.Reset()
		n, err := s.Write([]byte(step.write))
		if n != len(step.write) || err != nil {
			t.Errorf("step %d: wrote %d, %v", i, n, err)
		}
		if out.String() != step.out {
			t.Errorf("step %d, %q: got %q, want %q", i, step.write, out.String(), step.out)
		}
	}
}

func TestStreamGoesOnAfterFlush(t *testing.T) {
	m := withSecrets("secret")
	var out bytes.Buffer
	s := m.Stream(func(p []byte) { out.Write(p) })
	for _, piece := range []string{"a sec", "ret b sec"} {
		_, _ = s.Write([]byte(piece))
		s.Flush()
	}
	s.Flush()
	for _, piece := range []string{"r", "et, secrets"} {
		_, _ = s.Write([]byte(piece))
	}
	s.Flush()
	if got, want := out.String(), "a sec*** b sec***, ***s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStreamLearnsSecrets(t *testing.T) {
	m := withSecrets("alphabet")
	var out bytes.Buffer
	s := m.Stream(func(p []byte) { out.Write(p) })
	write := func(text string) { _, _ = s.Write([]byte(text)) }
	write("beta alpha")
	m.Add("beta")
	m.Add("haystack")
	write("ystack beta al")
	m.Add("phi")
	write("phi alphabet")
	s.Flush()
	if got, want := out.String(), "beta alp*** *** al*** ***"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStreamWithoutSecretsGivesTheSameBytes(t *testing.T) {
	in := []byte("as it is")
	s := New().Stream(func(p []byte) {
		if &p[0] != &in[0] || len(p) != len(in) {
			t.Error("the bytes were copied")
		}
	})
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Write(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestStreamHoldsALongSecret(t *testing.T) {
	secret := strings.Repeat("0123456789abcdef", 3000)
	m := withSecrets(secret)
	var pieces []string
	text := "<" + secret + ">" + secret[:40_000]
	for rest := text; rest != ""; {
		n := min(1000, len(rest))
		pieces = append(pieces, rest[:n])
		rest = rest[n:]
	}
	if got, want := streamed(m, pieces...), "<***>"+secret[:40_000]; got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}
