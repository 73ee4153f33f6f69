package tomltext

import (
	"bytes"
	"strings"
)

// maxDepth bounds the nesting of values, so that no text can exhaust the stack.
const maxDepth = 500

type scanner struct {
	data []byte
	pos  int
	line int

	statements []statement
	entries    []Entry

	table  []string       // the keys of the table that key-value lines belong to
	path   string         // the same as a path
	arrays map[string]int // path of an array of tables to its last position
	lines  map[string]int // as in Doc
}

func newScanner(data []byte) *scanner {
	return &scanner{data: data, line: 1, arrays: map[string]int{}, lines: map[string]int{}}
}

func (s *scanner) scan() {
	if bytes.HasPrefix(s.data, []byte("\xef\xbb\xbf")) {
		s.pos = 3
	}
	for start := s.pos; start < len(s.data); start = s.pos {
		st := statement{start: start, line: s.line, entry: -1}
		st.kind, st.entry = s.statement()
		s.skipLine()
		st.end = s.pos
		s.statements = append(s.statements, st)
	}
}

// statement reads up to where only a comment may follow.
func (s *scanner) statement() (statementKind, int) {
	s.skipSpace()
	switch s.peek() {
	case 0, '\n', '\r':
		if s.pos < len(s.data) && s.peek() == 0 {
			return keyValue, -1 // a NUL byte
		}
		return blank, -1
	case '#':
		return comment, -1
	case '[':
		return s.header()
	}
	s.keyValue(s.table, s.path, 0)
	return keyValue, -1
}

func (s *scanner) header() (statementKind, int) {
	line := s.line
	kind := Table
	s.pos++
	if s.peek() == '[' {
		kind = ArrayTable
		s.pos++
	}
	keys, ok := s.keys()
	if !ok || s.peek() != ']' {
		return keyValue, -1
	}
	s.pos++
	if kind == ArrayTable {
		if s.peek() != ']' {
			return keyValue, -1
		}
		s.pos++
	}
	s.table, s.path = keys, s.tablePath(keys, kind)
	s.add(Entry{kind, keys, s.path, line})
	return header, len(s.entries) - 1
}

// tablePath gives the path of a header. Keys on the way that are arrays of
// tables mean their last element.
func (s *scanner) tablePath(keys []string, kind Kind) string {
	path := ""
	for i, key := range keys {
		path = Join(path, key)
		last, known := s.arrays[path]
		switch isLast := i == len(keys)-1; {
		case isLast && kind == ArrayTable:
			if known {
				last++
			}
			s.arrays[path] = last
			path = Index(path, last)
		case known:
			path = Index(path, last)
		}
	}
	return path
}

// keyValue reads "a.b = value". It tells whether it could.
func (s *scanner) keyValue(table []string, path string, depth int) bool {
	line := s.line
	keys, ok := s.keys()
	if !ok || s.peek() != '=' {
		return false
	}
	s.pos++
	all := make([]string, 0, len(table)+len(keys))
	all = append(append(all, table...), keys...)
	for _, key := range keys {
		path = Join(path, key)
	}
	s.add(Entry{Value, all, path, line})
	return s.value(all, path, depth)
}

func (s *scanner) add(e Entry) {
	s.entries = append(s.entries, e)
	s.place(e.Path, e.Line)
}

func (s *scanner) place(path string, line int) {
	path = strings.ToLower(path)
	if _, known := s.lines[path]; !known {
		s.lines[path] = line
	}
}

// value reads a value and tells whether it could.
func (s *scanner) value(keys []string, path string, depth int) bool {
	s.skipSpace()
	switch c := s.peek(); {
	case depth > maxDepth:
		return false
	case c == '"' || c == '\'':
		_, ok := s.str()
		return ok
	case c == '[':
		return s.array(keys, path, depth+1)
	case c == '{':
		return s.inlineTable(keys, path, depth+1)
	}
	start := s.pos
	if i := bytes.IndexAny(s.data[s.pos:], ",]}#\r\n"); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.data)
	}
	return s.pos > start
}

func (s *scanner) array(keys []string, path string, depth int) bool {
	s.pos++
	for i := 0; ; i++ {
		s.skipSpaceLinesComments()
		if s.peek() == ']' {
			s.pos++
			return true
		}
		element := Index(path, i)
		s.place(element, s.line)
		if !s.value(keys, element, depth) {
			return false
		}
		if !s.comma(']') {
			return false
		}
	}
}

// inlineTable takes newlines and comments too, as TOML 1.1 allows.
func (s *scanner) inlineTable(keys []string, path string, depth int) bool {
	s.pos++
	for {
		s.skipSpaceLinesComments()
		if s.peek() == '}' {
			s.pos++
			return true
		}
		if !s.keyValue(keys, path, depth) {
			return false
		}
		if !s.comma('}') {
			return false
		}
	}
}

// comma skips the comma after an element, or stops before the closing one.
func (s *scanner) comma(closing byte) bool {
	s.skipSpaceLinesComments()
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case closing:
		return true
	}
	return false
}

// keys reads a dotted key and the space behind it.
func (s *scanner) keys() ([]string, bool) {
	var keys []string
	for {
		s.skipSpace()
		key, ok := s.key()
		if !ok {
			return nil, false
		}
		keys = append(keys, key)
		s.skipSpace()
		if s.peek() != '.' {
			return keys, true
		}
		s.pos++
	}
}

func (s *scanner) key() (string, bool) {
	if c := s.peek(); c == '"' || c == '\'' {
		return s.str()
	}
	start := s.pos
	for s.pos < len(s.data) && isBareByte(s.data[s.pos]) {
		s.pos++
	}
	return string(s.data[start:s.pos]), s.pos > start
}

// peek gives the next byte, and 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) skipSpace() {
	for s.peek() == ' ' || s.peek() == '\t' {
		s.pos++
	}
}

func (s *scanner) skipSpaceLinesComments() {
	for {
		switch s.peek() {
		case ' ', '\t', '\r':
			s.pos++
		case '\n':
			s.pos++
			s.line++
		case '#':
			s.skipTo('\n')
		default:
			return
		}
	}
}

// skipLine skips the rest of the line with its newline.
func (s *scanner) skipLine() {
	s.skipTo('\n')
	if s.pos < len(s.data) {
		s.pos++
		s.line++
	}
}

func (s *scanner) skipTo(c byte) {
	if i := bytes.IndexByte(s.data[s.pos:], c); i >= 0 {
		s.pos += i
		return
	}
	s.pos = len(s.data)
}
