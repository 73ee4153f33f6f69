package expression

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how deep arrays and objects may be nested. GitHub: 100.
const maxJSONDepth = 100

var errTooMuch = errors.New("too much data")

// FromJSON reads a JSON document as fromJSON does: strictly, keeping the order
// of keys. Of keys that differ in case at most, the first one counts. An error
// names line and column, never the content.
func FromJSON(src string) (Value, error) {
	r := jsonReader{src: src, budget: &budget{left: math.MaxInt}}
	return r.document()
}

type jsonReader struct {
	src    string
	pos    int
	budget *budget
}

func (r *jsonReader) document() (Value, error) {
	r.skipSpace()
	v, err := r.value(0)
	if err != nil {
		return Null, err
	}
	r.skipSpace()
	if r.pos < len(r.src) {
		return Null, r.fail("something follows the end of the JSON")
	}
	return v, nil
}

// fail is an error at the current position.
func (r *jsonReader) fail(what string) error {
	before := r.src[:r.pos]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Errorf("line %d, column %d: %s", line, column, what)
}

func (r *jsonReader) skipSpace() {
	for r.pos < len(r.src) && strings.IndexByte(" \t\r\n", r.src[r.pos]) >= 0 {
		r.pos++
	}
}

// take moves past the next character when it is c.
func (r *jsonReader) take(c byte) bool {
	if r.pos < len(r.src) && r.src[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) (Value, error) {
	if !r.budget.spend(valueSize) {
		return Null, errTooMuch
	}
	if r.pos == len(r.src) {
		return Null, r.fail("a value is missing")
	}
	switch c := r.src[r.pos]; {
	case c == '{':
		return r.object(depth + 1)
	case c == '[':
		return r.array(depth + 1)
	case c == '"':
		s, err := r.string()
		return String(s), err
	case c == '-' || isDigit(c):
		return r.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(r.src[r.pos:], word) {
			r.pos += len(word)
			v, _ := literalWord(word)
			return v, nil
		}
	}
	return Null, r.fail("a value cannot begin here")
}

func (r *jsonReader) array(depth int) (Value, error) {
	if depth > maxJSONDepth {
		return Null, r.fail("nested deeper than " + strconv.Itoa(maxJSONDepth))
	}
	r.pos++
	r.skipSpace()
	var items []Value
	for !r.take(']') {
		if len(items) > 0 {
			if !r.take(',') {
				return Null, r.fail("a comma or ] is missing")
			}
			r.skipSpace()
		}
		v, err := r.value(depth)
		if err != nil {
			return Null, err
		}
		items = append(items, v)
		r.skipSpace()
	}
	return newArray(items, false), nil
}

func (r *jsonReader) object(depth int) (Value, error) {
	if depth > maxJSONDepth {
		return Null, r.fail("nested deeper than " + strconv.Itoa(maxJSONDepth))
	}
	r.pos++
	r.skipSpace()
	var pairs []Pair
	for !r.take('}') {
		if len(pairs) > 0 {
			if !r.take(',') {
				return Null, r.fail("a comma or } is missing")
			}
			r.skipSpace()
		}
		p, err := r.pair(depth)
		if err != nil {
			return Null, err
		}
		pairs = append(pairs, p)
		r.skipSpace()
	}
	o := makeObject(len(pairs), false)
	for _, p := range pairs {
		o.add(p.Key, p.Value)
	}
	return Value{kind: KindObject, obj: o}, nil
}

func (r *jsonReader) pair(depth int) (Pair, error) {
	if r.pos == len(r.src) || r.src[r.pos] != '"' {
		return Pair{}, r.fail("a key in double quotes is missing")
	}
	key, err := r.string()
	if err != nil {
		return Pair{}, err
	}
	r.skipSpace()
	if !r.take(':') {
		return Pair{}, r.fail("a colon is missing")
	}
	r.skipSpace()
	v, err := r.value(depth)
	return Pair{key, v}, err
}

// number reads -?int[.digits][e[±]digits]; one that is out of range is an
// infinity.
func (r *jsonReader) number() (Value, error) {
	start := r.pos
	r.take('-')
	if !r.take('0') && !r.digits() {
		return Null, r.fail("a digit is missing")
	}
	if r.take('.') && !r.digits() {
		return Null, r.fail("a digit is missing")
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if !r.digits() {
			return Null, r.fail("a digit is missing")
		}
	}
	f, _ := strconv.ParseFloat(r.src[start:r.pos], 64)
	return Number(f), nil
}

func (r *jsonReader) digits() bool {
	n := countDigits(r.src[r.pos:])
	r.pos += n
	return n > 0
}

func (r *jsonReader) string() (string, error) {
	r.pos++
	start := r.pos
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == '"':
			s := r.src[start:r.pos]
			r.pos++
			return s, r.spend(len(s))
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return "", r.fail("a control character in a string must be escaped")
		}
		r.pos++
	}
	return "", r.fail("a string has no closing quote")
}

func (r *jsonReader) spend(n int) error {
	if !r.budget.spend(n) {
		return errTooMuch
	}
	return nil
}

// escaped reads the rest of a string that begins at start, from its first
// escape on.
func (r *jsonReader) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(r.src[start:r.pos])
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == '"':
			r.pos++
			return b.String(), r.spend(b.Len())
		case c == '\\':
			s, err := r.escape()
			if err != nil {
				return "", err
			}
			b.WriteString(s)
		case c < ' ':
			return "", r.fail("a control character in a string must be escaped")
		default:
			b.WriteByte(c)
			r.pos++
		}
	}
	return "", r.fail("a string has no closing quote")
}

// escape reads one escape; \u pairs of surrogates make one character.
func (r *jsonReader) escape() (string, error) {
	if r.pos+1 == len(r.src) {
		return "", r.fail("a string has no closing quote")
	}
	c := r.src[r.pos+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		r.pos += 2
		return "\"\\/\b\f\n\r\t"[i : i+1], nil
	}
	if c != 'u' {
		return "", r.fail("an escape that JSON does not have")
	}
	unit, ok := r.unit()
	if !ok {
		return "", r.fail("\\u needs four hexadecimal digits")
	}
	if !utf16.IsSurrogate(unit) {
		r.pos += 6
		return string(unit), nil
	}
	r.pos += 6
	second, ok := r.unit()
	pair := utf16.DecodeRune(unit, second)
	if !ok || pair == utf8.RuneError {
		r.pos -= 6
		return "", r.fail("half of a surrogate pair")
	}
	r.pos += 6
	return string(pair), nil
}

// unit reads \uXXXX at the current position, without moving on.
func (r *jsonReader) unit() (rune, bool) {
	rest := r.src[r.pos:]
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(rest[2:6]) {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0, false
		}
	}
	n, _ := strconv.ParseUint(rest[2:6], 16, 16)
	return rune(n), true
}
