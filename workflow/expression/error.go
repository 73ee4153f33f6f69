package expression

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Stage is the part of the work at which an expression failed.
type Stage string

// The stages.
const (
	StageLexing     Stage = "lexing"     // a word or sign that the language does not have, or too long a text
	StageParsing    Stage = "parsing"    // words in an order that means nothing, unknown names, too deep
	StageEvaluation Stage = "evaluation" // a function that cannot work on its arguments, or too much memory
)

// Error is the only kind of error that this package returns. It never holds a
// value that came from a context, so it may be logged.
type Error struct {
	Stage   Stage
	Pos     int    // where in Expr, in bytes from 0; -1 when no one place is to blame
	Expr    string // the expression, without ${{ }}
	Message string // what is wrong
	Hint    string // what to do about it, if that can be said
	Err     error  // what a function of the scope returned, if it is to blame
}

// Error spells the place as GitHub does, in characters from 1: it is what
// people search for.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Pos >= 0 {
		fmt.Fprintf(&b, ". Located at position %d within expression: %s", utf16Len(e.Expr[:e.Pos])+1, excerpt(e.Expr))
	} else {
		fmt.Fprintf(&b, ". Located within expression: %s", excerpt(e.Expr))
	}
	if e.Hint != "" {
		b.WriteString(". ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives what a function of the scope returned.
func (e *Error) Unwrap() error { return e.Err }

// excerpt keeps an error readable when the expression is not.
func excerpt(s string) string {
	const limit = 500
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// utf16Len counts as the language's limits and positions do.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
