package expression

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldCase maps a string to the form in which strings that differ only in case
// are equal: each character's simple upper case, whatever the locale. GitHub:
// ordinal comparison that ignores case.
func foldCase(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'a' <= c && c <= 'z' || c >= utf8.RuneSelf {
			return strings.Map(foldRune, s)
		}
	}
	return s
}

// foldRune leaves dotless i and long s alone: their upper case is an ASCII
// letter, and they are not that letter to an ordinal comparison.
func foldRune(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return r - ('a' - 'A')
	case r < utf8.RuneSelf, r == 'ı', r == 'ſ':
		return r
	}
	return unicode.ToUpper(r)
}

// equalFold tells whether two strings differ in case only.
func equalFold(a, b string) bool { return a == b || compareFold(a, b) == 0 }

// compareFold orders two strings ignoring case, by their UTF-16 code units.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		a, b = a[na:], b[nb:]
		if ra == rb {
			continue
		}
		ra, rb = foldRune(ra), foldRune(rb)
		if ra != rb {
			return cmp.Compare(utf16Order(ra), utf16Order(rb))
		}
	}
	return cmp.Compare(len(a), len(b))
}

// utf16Order moves the characters that UTF-16 writes as a surrogate pair to
// where the first of the pair stands: before U+E000.
func utf16Order(r rune) rune {
	const surrogates, private, supplementary = 0xD800, 0xE000, 0x10000
	switch {
	case r >= supplementary:
		return r - supplementary + surrogates
	case r >= private:
		return r + (unicode.MaxRune + 1 - supplementary)
	}
	return r
}

// containsFold tells whether part occurs in s, ignoring case.
func containsFold(s, part string) bool {
	return strings.Contains(foldCase(s), foldCase(part))
}
