package matcher

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// classSets are the escapes for sets of characters, as what stands for them in
// brackets (.NET with ECMAScript: ASCII only).
var classSets = map[byte]string{
	'd': "0-9",
	'D': "\x00-/:-\U0010FFFF",
	'w': "0-9A-Z_a-z",
	'W': "\x00-/:-@\\[-\\^`{-\U0010FFFF",
	's': "\\t-\\r ",
	'S': "\x00-\x08\x0e-\x1f!-\U0010FFFF",
}

// class translates a class in brackets.
func (t *translator) class() bool {
	var body strings.Builder
	rest := t.src[t.pos+1:]
	if strings.HasPrefix(rest, "^") {
		body.WriteByte('^')
		rest = rest[1:]
	}
	properties := false
	for first := true; ; first = false {
		if rest == "" || strings.HasPrefix(rest, "[:") || strings.HasPrefix(rest, "-[") {
			return false
		}
		if rest[0] == ']' && !first {
			break
		}
		item, n := classItem(rest)
		if n == 0 {
			return false
		}
		body.WriteString(item)
		properties = properties || strings.HasPrefix(item, `\p`) || strings.HasPrefix(item, `\P`)
		rest = rest[n:]
	}
	t.pos = len(t.src) - len(rest) + 1
	class := "[" + body.String() + "]"
	if properties {
		t.exact = false
		t.emit("(?s:.)", class)
		return true
	}
	t.both(class)
	return true
}

// classItem translates a character, a range or a set within brackets, and gives
// how many bytes it takes, 0 for a fault.
func classItem(rest string) (string, int) {
	low, set, n := classAtom(rest)
	if n == 0 || set != "" {
		return set, n
	}
	tail := rest[n:]
	if len(tail) < 2 || tail[0] != '-' || tail[1] == ']' {
		return quote(low), n
	}
	if tail[1] == '[' {
		return "", 0
	}
	high, set, m := classAtom(tail[1:])
	if m == 0 {
		return "", 0
	}
	if set != "" {
		return quote(low) + `\-` + set, n + 1 + m
	}
	return quote(low) + "-" + quote(high), n + 1 + m
}

// classAtom reads a character, or the escape of a set.
func classAtom(rest string) (r rune, set string, n int) {
	if rest[0] != '\\' {
		r, n = utf8.DecodeRuneInString(rest)
		return r, "", n
	}
	if len(rest) < 2 {
		return 0, "", 0
	}
	switch c := rest[1]; c {
	case 'd', 'D', 'w', 'W', 's', 'S':
		return 0, classSets[c], 2
	case 'p', 'P':
		end := strings.IndexByte(rest, '}')
		return 0, rest[:end+1], end + 1
	case 'b':
		return '\b', "", 2
	}
	r, n = character(rest)
	return r, "", n
}

// character reads the escape of one character: with its length, 0 for a fault.
// What has no other meaning stands for itself.
func character(rest string) (rune, int) {
	if len(rest) < 2 {
		return 0, 0
	}
	switch c := rest[1]; c {
	case 'x':
		return hexadecimal(rest, 2)
	case 'u':
		return hexadecimal(rest, 4)
	case 'c':
		if len(rest) < 3 {
			return 0, 0
		}
		return rune(rest[2] & 0x1f), 3
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return octal(rest)
	}
	if r, ok := controls[rest[1]]; ok {
		return r, 2
	}
	r, n := utf8.DecodeRuneInString(rest[1:])
	return r, n + 1
}

// controls are the escapes of control characters.
var controls = map[byte]rune{
	'a': '\a', 'e': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
}

// hexadecimal reads \xHH and \uHHHH. Halves of a pair are no characters.
func hexadecimal(rest string, digits int) (rune, int) {
	if len(rest) < 2+digits {
		return 0, 0
	}
	n, err := strconv.ParseUint(rest[2:2+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, 0
	}
	return rune(n), 2 + digits
}

// octal reads up to three digits behind the backslash.
func octal(rest string) (rune, int) {
	n, end := 0, 1
	for end < min(4, len(rest)) && rest[end] >= '0' && rest[end] <= '7' && n*8 < 256 {
		n = n*8 + int(rest[end]-'0')
		end++
	}
	return rune(n & 0xff), end
}
