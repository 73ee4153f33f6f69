// Package tomltext finds keys and tables in TOML text, with line numbers, and
// adds and removes whole tables without touching any other byte: what a
// decoder and an encoder would lose (comments, order, spelling) survives.
//
// It is not a validator. Text that is no TOML is scanned as well as it goes;
// decode it with a real decoder to learn what is wrong with it.
package tomltext

import (
	"strconv"
	"strings"
)

// Kind is what an Entry is.
type Kind int

// The kinds of entries.
const (
	Table      Kind = iota // [name]
	ArrayTable             // [[name]]
	Value                  // name = …, in inline tables too
)

// Entry is a table header or a key with a value.
type Entry struct {
	Kind Kind
	Keys []string // unquoted, from the root: runners, shell, user
	Path string   // the same with positions in arrays: runners[0].shell.user
	Line int      // 1-based
}

// Doc is scanned text. It is not changed by any method.
type Doc struct {
	data       []byte
	statements []statement
	entries    []Entry
	lines      map[string]int // lower-case path to line, the first of each
}

type statementKind int

const (
	blank statementKind = iota
	comment
	header
	keyValue // also what is no TOML
)

// statement is one or more whole lines. The statements of a Doc follow each
// other without a gap and cover all of the text but a byte order mark.
type statement struct {
	kind       statementKind
	start, end int // bytes; end is behind the newline
	line       int
	entry      int // index in entries of the header; -1 for all others
}

// Scan reads text. It never fails.
func Scan(data []byte) *Doc {
	s := newScanner(data)
	s.scan()
	return &Doc{data: data, statements: s.statements, entries: s.entries, lines: s.lines}
}

// Entries gives all headers and keys in the order of the text.
func (d *Doc) Entries() []Entry { return d.entries }

// Line gives the line of a path such as "runners[0].shell.user" or
// "runners[0].labels[2]", ignoring case as decoders do. When the text has no such key, it is the line of the nearest
// table around it, and 0 when there is none.
func (d *Doc) Line(path string) int {
	path = strings.ToLower(path)
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = parent(path)
	}
	return 0
}

// parent cuts the last element, or its position, off a path.
func parent(path string) string {
	quoted := false
	cut := 0
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '.' || c == '['):
			cut = i
		}
	}
	return path[:cut]
}

// Join appends a key to a path, quoted where a bare key cannot hold it.
func Join(path, key string) string {
	if !isBare(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// Index appends a position in an array to a path.
func Index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func isBare(key string) bool {
	for i := range len(key) {
		if !isBareByte(key[i]) {
			return false
		}
	}
	return key != ""
}

func isBareByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
