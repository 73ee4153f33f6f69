package tomltext

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// str reads a string of any of the four kinds and gives its text. When it has
// no end the scanner stands somewhere behind its start.
func (s *scanner) str() (string, bool) {
	quote := s.data[s.pos]
	if triple := bytes.Repeat([]byte{quote}, 3); bytes.HasPrefix(s.data[s.pos:], triple) {
		return s.multiLine(quote, triple)
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == quote:
			text := s.data[start:s.pos]
			s.pos++
			if quote == '\'' {
				return string(text), true
			}
			return unescape(text), true
		case c == '\n':
			return "", false
		case c == '\\' && quote == '"':
			s.pos++
			if s.peek() != '\n' && s.pos < len(s.data) {
				s.pos++
			}
		default:
			s.pos++
		}
	}
	return "", false
}

func (s *scanner) multiLine(quote byte, triple []byte) (string, bool) {
	s.pos += 3
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case bytes.HasPrefix(s.data[s.pos:], triple):
			end := s.pos
			s.pos += 3
			// Up to two quotes may stand before the closing three.
			for range 2 {
				if s.peek() == quote {
					s.pos++
					end++
				}
			}
			return string(s.data[start:end]), true
		case c == '\\' && quote == '"' && s.pos+1 < len(s.data) && s.data[s.pos+1] != '\n':
			s.pos += 2
		default:
			if c == '\n' {
				s.line++
			}
			s.pos++
		}
	}
	return "", false
}

// unescape resolves the escapes of a basic string. It serves keys, which are
// compared and shown; an escape that is none is kept as it is.
func unescape(text []byte) string {
	if !bytes.ContainsRune(text, '\\') {
		return string(text)
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'b':
			out = append(out, '\b')
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'f':
			out = append(out, '\f')
		case 'r':
			out = append(out, '\r')
		case 'e':
			out = append(out, 0x1b)
		case '"', '\\':
			out = append(out, c)
		case 'x', 'u', 'U':
			digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			end := i + 1 + digits
			if end <= len(text) {
				if r, err := strconv.ParseUint(string(text[i+1:end]), 16, 31); err == nil {
					out = utf8.AppendRune(out, rune(r))
					i = end - 1
					continue
				}
			}
			out = append(out, '\\', c)
		default:
			out = append(out, '\\', c)
		}
	}
	return string(out)
}
