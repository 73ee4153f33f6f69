package ansi

import (
	"strings"
	"testing"
)

func TestStripRemovesSequencesAndNothingElse(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"plain é":                 "plain é",
		"\x1b[36;1mecho\x1b[0m x": "echo x",
		"\x1b]8;;https://e.org\x07l\x1b]8;;\x1b\\": "l",
		"\x1b(Bx":      "x",
		"a\x1b[31":     "a",
		"a\x1b":        "a",
		"\x1b[3é":      "é",
		"\x1b\x1b[1mx": "x",
	} {
		if got := Strip(text); got != want {
			t.Errorf("Strip(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzStrip(f *testing.F) {
	f.Add("\x1b[36;1mecho\x1b[0m")
	f.Add("\x1b]0;t")
	f.Fuzz(func(t *testing.T, text string) {
		got := Strip(text)
		if strings.ContainsRune(got, escape) {
			t.Errorf("Strip(%q) = %q", text, got)
		}
		if len(got) > len(text) {
			t.Errorf("Strip(%q) grew", text)
		}
	})
}
