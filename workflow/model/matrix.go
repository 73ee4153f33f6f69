package model

import "multirunner/workflow/expression"

// Combination is one run of a job's matrix.
type Combination struct {
	Values expression.Value // the matrix context: an object
	Suffix string           // "(a, b)", "" for a combination without values
}

// Plan is an evaluated strategy.
type Plan struct {
	FailFast     bool // true unless told otherwise
	MaxParallel  int  // 0 for no limit
	Combinations []Combination
}

// Expand evaluates a strategy. A job without a matrix, and a nil strategy, give
// one combination whose Values are Null.
func Expand(s *Strategy, scope expression.Scope) (*Plan, error) {
	return &Plan{FailFast: true, Combinations: make([]Combination, 1)}, nil
}
