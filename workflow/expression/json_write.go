package expression

import (
	"bytes"
	"encoding/hex"
	"math"
	"unicode/utf8"
)

// JSON gives the value as toJSON prints it: indented by two spaces, with keys
// in the object's order. NaN and the infinities are written by name, which no
// JSON parser takes.
func (v Value) JSON() string {
	w := jsonWriter{limit: math.MaxInt}
	w.value(v, 0)
	return string(w.buf)
}

// jsonWriter writes JSON and stops when it gets longer than the limit.
type jsonWriter struct {
	buf   []byte
	limit int
}

// value writes a value whose lines stand level steps in. It is false when the
// limit is passed.
func (w *jsonWriter) value(v Value, level int) bool {
	switch {
	case v.kind == KindString:
		w.string(v.str)
	case v.kind == KindNull:
		w.buf = append(w.buf, "null"...)
	case v.kind == KindArray:
		return w.array(v.arr.items, level)
	case v.kind == KindObject:
		return w.object(v.obj, level)
	default:
		w.buf = append(w.buf, v.Text()...)
	}
	return len(w.buf) <= w.limit
}

func (w *jsonWriter) array(items []Value, level int) bool {
	w.buf = append(w.buf, '[')
	for i, item := range items {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.line(level + 1)
		if !w.value(item, level+1) {
			return false
		}
	}
	if len(items) > 0 {
		w.line(level)
	}
	w.buf = append(w.buf, ']')
	return len(w.buf) <= w.limit
}

func (w *jsonWriter) object(o *object, level int) bool {
	w.buf = append(w.buf, '{')
	for i, key := range o.keys {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.line(level + 1)
		w.string(key)
		w.buf = append(w.buf, ": "...)
		if !w.value(o.values[i], level+1) {
			return false
		}
	}
	if len(o.keys) > 0 {
		w.line(level)
	}
	w.buf = append(w.buf, '}')
	return len(w.buf) <= w.limit
}

func (w *jsonWriter) line(level int) {
	w.buf = append(w.buf, '\n')
	w.buf = append(w.buf, bytes.Repeat([]byte("  "), level)...)
}

// string writes a string with the escapes that GitHub's runner uses: control
// characters and the line ends of Unicode; everything else stays as it is.
func (w *jsonWriter) string(s string) {
	w.buf = append(w.buf, '"')
	plain := 0 // from where on nothing needs an escape
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		w.buf = append(w.buf, s[plain:i]...)
		w.escaped(r)
		i += n
		plain = i
	}
	w.buf = append(w.buf, s[plain:]...)
	w.buf = append(w.buf, '"')
}

func (w *jsonWriter) escaped(r rune) {
	switch r {
	case '"', '\\':
		w.buf = append(w.buf, '\\', byte(r))
	case '\n':
		w.buf = append(w.buf, '\\', 'n')
	case '\r':
		w.buf = append(w.buf, '\\', 'r')
	case '\t':
		w.buf = append(w.buf, '\\', 't')
	case '\b':
		w.buf = append(w.buf, '\\', 'b')
	case '\f':
		w.buf = append(w.buf, '\\', 'f')
	case '\u0085', '\u2028', '\u2029':
		w.code(r)
	default:
		if r < ' ' {
			w.code(r)
			return
		}
		w.buf = utf8.AppendRune(w.buf, r) // bytes that are no UTF-8 become U+FFFD
	}
}

func (w *jsonWriter) code(r rune) {
	w.buf = append(w.buf, '\\', 'u')
	w.buf = hex.AppendEncode(w.buf, []byte{byte(r >> 8), byte(r)})
}
