package model

import (
	"strings"

	"multirunner/workflow/expression"
)

// Bounds of a matrix. The first is GitHub's.
const (
	maxCombinations = 256
	maxProduct      = 4_096      // before exclude
	maxKeys         = 100        // of the matrix, and of an entry of include
	maxEntries      = 1_000      // of include and of exclude
	maxCompared     = 20_000_000 // values, for exclude and for include
)

const (
	matrixInclude = "include"
	matrixExclude = "exclude"
)

// Combination is one run of a job's matrix.
type Combination struct {
	// Values is the matrix context: an object, Null for a job without matrix.
	Values expression.Value
	// Suffix is "(a, b)", for the name of the job; "" when there is nothing to tell.
	Suffix string
}

// Plan is an evaluated strategy.
type Plan struct {
	FailFast     bool // true unless told otherwise
	MaxParallel  int  // 0 for no limit
	Combinations []Combination
}

// Expand evaluates a strategy. A job without a matrix, and a nil strategy, give
// one combination whose Values are Null.
//
// GitHub: the first key of the matrix changes slowest. exclude takes out what
// it matches in part. Then each entry of include is added to every combination
// whose own values it does not change (values that came from include it may
// change), or else is a combination of its own.
func Expand(s *Strategy, scope expression.Scope) (*Plan, error) {
	plan := &Plan{FailFast: true, Combinations: []Combination{{}}}
	if s == nil {
		return plan, nil
	}
	var err error
	if plan.FailFast, err = s.FailFast.EvalBool(scope, true); err != nil {
		return nil, err
	}
	if plan.MaxParallel, err = maxParallel(s.MaxParallel, scope); err != nil {
		return nil, err
	}
	value, err := s.Matrix.Eval(scope)
	if err != nil {
		return nil, err
	}
	switch value.Kind() {
	case expression.KindNull:
		return plan, nil
	case expression.KindObject:
		m := matrix{at: s.Matrix}
		plan.Combinations, err = m.expand(value)
		return plan, err
	}
	return nil, s.Matrix.Errorf("must be a mapping, not a value of type %s", value.Kind())
}

func maxParallel(v Value, scope expression.Scope) (int, error) {
	n, ok, err := v.EvalNumber(scope)
	switch {
	case err != nil || !ok:
		return 0, err
	case n < 1:
		return 0, v.Errorf("must be 1 or more, not %v", n)
	}
	return int(min(n, maxCombinations)), nil
}

// matrix expands an evaluated matrix.
type matrix struct {
	at       Value // for errors
	vectors  []vector
	includes []expression.Value
	excludes []expression.Value
}

// vector is a key of the matrix with its values.
type vector struct {
	key    string
	values []expression.Value
}

// row is a combination in the making. The first own pairs are from vectors.
type row struct {
	pairs []expression.Pair
	own   int
}

func (m *matrix) expand(value expression.Value) ([]Combination, error) {
	if err := m.read(value); err != nil {
		return nil, err
	}
	rows, err := m.product()
	if err != nil {
		return nil, err
	}
	if rows, err = m.exclude(rows); err != nil {
		return nil, err
	}
	if rows, err = m.include(rows); err != nil {
		return nil, err
	}
	switch {
	case len(rows) == 0 && len(m.vectors) > 0:
		return nil, m.at.Errorf("exclude takes out every combination, there is nothing to run")
	case len(rows) == 0:
		return nil, m.at.Errorf("has neither values nor an include, there is nothing to run")
	case len(rows) > maxCombinations:
		return nil, m.at.Errorf("gives %d combinations, at most %d are allowed", len(rows), maxCombinations)
	}
	combinations := make([]Combination, len(rows))
	for i, r := range rows {
		combinations[i] = Combination{Values: expression.NewObject(r.pairs...), Suffix: suffix(r.pairs)}
	}
	return combinations, nil
}

func (m *matrix) read(value expression.Value) (err error) {
	if value.Len() > maxKeys {
		return m.at.Errorf("has %d keys, at most %d are taken", value.Len(), maxKeys)
	}
	for _, key := range value.Keys() {
		got, _ := value.Get(key)
		switch {
		case strings.EqualFold(key, matrixInclude):
			m.includes, err = m.entries(key, got)
		case strings.EqualFold(key, matrixExclude):
			m.excludes, err = m.entries(key, got)
		case got.Kind() != expression.KindArray:
			err = m.errorf(key, "must be a list, not a value of type %s", got.Kind())
		case got.Len() == 0:
			err = m.errorf(key, "is an empty list, there is nothing to run")
		default:
			m.vectors = append(m.vectors, vector{key, got.Items()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries gives the mappings of include and exclude. Null means none.
func (m *matrix) entries(key string, value expression.Value) ([]expression.Value, error) {
	switch {
	case value.Kind() == expression.KindNull:
		return nil, nil
	case value.Kind() != expression.KindArray:
		return nil, m.errorf(key, "must be a list of mappings, not a value of type %s", value.Kind())
	case value.Len() > maxEntries:
		return nil, m.errorf(key, "has %d entries, at most %d are taken", value.Len(), maxEntries)
	}
	for i, item := range value.Items() {
		if item.Kind() != expression.KindObject {
			return nil, m.errorf(key, "entry %d must be a mapping, not a value of type %s", i+1, item.Kind())
		}
		if item.Len() > maxKeys {
			return nil, m.errorf(key, "entry %d has %d keys, at most %d are taken", i+1, item.Len(), maxKeys)
		}
	}
	return value.Items(), nil
}

// errorf names a key of the matrix, at its line where it is written out.
func (m *matrix) errorf(key, format string, args ...any) *Error {
	at := m.at.Get(key)
	if at.IsZero() {
		at = m.at.child(key, m.at.node)
	}
	return at.Errorf(format, args...)
}

func (m *matrix) product() ([]row, error) {
	if len(m.vectors) == 0 {
		return nil, nil
	}
	rows := []row{{}}
	for _, v := range m.vectors {
		if len(rows)*len(v.values) > maxProduct {
			return nil, m.at.Errorf("gives more than %d combinations, at most %d are allowed", maxProduct, maxCombinations)
		}
		next := make([]row, 0, len(rows)*len(v.values))
		for _, r := range rows {
			for _, value := range v.values {
				pairs := make([]expression.Pair, len(r.pairs), len(m.vectors))
				copy(pairs, r.pairs)
				next = append(next, row{append(pairs, expression.Pair{Key: v.key, Value: value}), r.own + 1})
			}
		}
		rows = next
	}
	return rows, nil
}
