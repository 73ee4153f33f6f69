package expression

import "fmt"

// Stage is the part of the work at which an expression failed.
type Stage string

// The stages.
const (
	StageLexing     Stage = "lexing"     // a character or word that the language does not have
	StageParsing    Stage = "parsing"    // words in an order that means nothing, unknown names, limits
	StageEvaluation Stage = "evaluation" // a function that cannot work on its arguments
)

// Error is the only kind of error that this package returns.
type Error struct {
	Stage   Stage
	Pos     int    // where in Expr, in bytes from 0; -1 when no one place is to blame
	Expr    string // the expression without ${{ }}
	Message string
}

func (e *Error) Error() string {
	if e.Pos < 0 {
		return fmt.Sprintf("%s, in expression %q", e.Message, excerpt(e.Expr))
	}
	return fmt.Sprintf("%s, at position %d of expression %q", e.Message, e.Pos+1, excerpt(e.Expr))
}

// excerpt keeps an error readable when the expression is not.
func excerpt(s string) string {
	const limit = 400
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
