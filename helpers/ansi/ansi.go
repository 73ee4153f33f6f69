// Package ansi knows the escape sequences that programs colour their output
// with.
package ansi

import "strings"

const escape = 0x1b

// Strip removes escape sequences: CSI (colours, cursor), OSC (titles, links)
// and the short ones. An unfinished sequence at the end goes too.
func Strip(text string) string {
	if strings.IndexByte(text, escape) < 0 {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for {
		i := strings.IndexByte(text, escape)
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:i])
		text = text[i+sequence(text[i:]):]
	}
}

// sequence gives the length of the escape sequence that text begins with.
func sequence(text string) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[': // CSI: parameters, then one final byte (ECMA-48 5.4)
		for i := 2; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				return i + 1
			}
			if text[i] < 0x20 || text[i] > 0x7e {
				return i
			}
		}
		return len(text)
	case ']': // OSC: up to BEL or ESC \
		for i := 2; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == escape {
				return min(i+2, len(text))
			}
		}
		return len(text)
	}
	n := 1 // ESC, intermediate bytes, one final byte (ECMA-35 13.1)
	for n < len(text) && text[n] >= 0x20 && text[n] <= 0x2f {
		n++
	}
	if n < len(text) && text[n] >= 0x30 && text[n] <= 0x7e {
		n++
	}
	return n
}
