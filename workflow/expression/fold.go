package expression

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// foldCase maps a string to the form in which strings that differ only in case
// are equal: each character's simple upper case, whatever the locale.
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
