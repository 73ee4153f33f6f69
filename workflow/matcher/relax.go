package matcher

import "bytes"

// relax makes JSON of what editors take for it: spaces stand in for a byte
// order mark, comments, and commas before a closing bracket. Every other byte
// stays where it is.
func relax(data []byte) []byte {
	out := bytes.Clone(data)
	if bytes.HasPrefix(out, []byte("\xef\xbb\xbf")) {
		blank(out[:3])
	}
	comma := -1 // the last thing so far, if it is one
	for i := 0; i < len(out); {
		n := 1
		switch c := out[i]; {
		case c == '"':
			n = quoted(out[i:])
			comma = -1
		case c == '/':
			if n = comment(out[i:]); n > 0 {
				blank(out[i : i+n])
			} else {
				n, comma = 1, -1
			}
		case c == ',':
			comma = i
		case c == ']' || c == '}':
			if comma >= 0 {
				out[comma] = ' '
			}
			comma = -1
		case c > ' ':
			comma = -1
		}
		i += n
	}
	return out
}

// blank overwrites all but line ends, by which errors are counted.
func blank(data []byte) {
	for i, c := range data {
		if c != '\n' {
			data[i] = ' '
		}
	}
}

// quoted gives the length of the string that data begins with.
func quoted(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// comment gives the length of the comment that data begins with, 0 when it is
// none.
func comment(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	switch data[1] {
	case '/':
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			return end
		}
		return len(data)
	case '*':
		if end := bytes.Index(data[2:], []byte("*/")); end >= 0 {
			return end + 4
		}
	}
	return 0
}
