package model

import (
	"slices"
	"strings"

	"multirunner/workflow/expression"
)

// has tells whether the key is one of the matrix's own.
func (m *matrix) has(key string) bool {
	return slices.ContainsFunc(m.vectors, func(v vector) bool { return strings.EqualFold(v.key, key) })
}

// exclude takes out what an entry matches.
func (m *matrix) exclude(rows []row) ([]row, error) {
	if err := m.bound(rows, m.excludes); err != nil {
		return nil, err
	}
	for _, entry := range m.excludes {
		for _, key := range entry.Keys() {
			if !m.has(key) {
				return nil, m.errorf(matrixExclude, "%q is not a key of the matrix", excerpt(key))
			}
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return m.fits(r, entry) })
	}
	return rows, nil
}

// include adds each entry to the rows that it fits, or as a row of its own.
// Such a row is nothing that later entries are added to.
func (m *matrix) include(rows []row) ([]row, error) {
	if err := m.bound(rows, m.includes); err != nil {
		return nil, err
	}
	var added []row
	for _, entry := range m.includes {
		fitted := false
		for i := range rows {
			if m.fits(rows[i], entry) {
				m.extend(&rows[i], entry)
				fitted = true
			}
		}
		if !fitted {
			added = append(added, row{pairs: pairsOf(entry)})
		}
	}
	return append(rows, added...), nil
}

// bound refuses what would take long to compare.
func (m *matrix) bound(rows []row, entries []expression.Value) error {
	if len(rows)*len(entries)*len(m.vectors) > maxCompared {
		return m.at.Errorf("is too large: %d combinations, %d keys, %d entries of include or exclude", len(rows), len(m.vectors), len(entries))
	}
	return nil
}

func pairsOf(object expression.Value) []expression.Pair {
	var pairs []expression.Pair
	for _, key := range object.Keys() {
		value, _ := object.Get(key)
		pairs = append(pairs, expression.Pair{Key: key, Value: value})
	}
	return pairs
}

// fits tells whether all of the entry's keys that are the matrix's own have the
// values of the row.
func (m *matrix) fits(r row, entry expression.Value) bool {
	for _, pair := range r.pairs[:r.own] {
		want, asked := entry.Get(pair.Key)
		if asked && !matches(want, pair.Value) {
			return false
		}
	}
	return true
}

// extend adds the keys of an entry that are not the matrix's own.
func (m *matrix) extend(r *row, entry expression.Value) {
	for _, pair := range pairsOf(entry) {
		if m.has(pair.Key) {
			continue
		}
		at := slices.IndexFunc(r.pairs, func(p expression.Pair) bool { return strings.EqualFold(p.Key, pair.Key) })
		if at >= 0 {
			r.pairs[at].Value = pair.Value
			continue
		}
		r.pairs = append(r.pairs, pair)
	}
}

// matches compares as == does. A mapping matches one that has at least its
// keys, a list one of the same length.
func matches(want, got expression.Value) bool {
	if want.Kind() != got.Kind() && !(primitive(want) && primitive(got)) {
		return false
	}
	switch want.Kind() {
	case expression.KindObject:
		for _, key := range want.Keys() {
			inner, _ := want.Get(key)
			have, ok := got.Get(key)
			if !ok || !matches(inner, have) {
				return false
			}
		}
		return true
	case expression.KindArray:
		return slices.EqualFunc(want.Items(), got.Items(), matches)
	}
	return want.Equal(got)
}

// suffix gives "(a, b)": all texts within the values, in order.
func suffix(pairs []expression.Pair) string {
	var words []string
	for _, pair := range pairs {
		words = leaves(words, pair.Value)
	}
	if len(words) == 0 {
		return ""
	}
	return "(" + strings.Join(words, ", ") + ")"
}

func leaves(words []string, v expression.Value) []string {
	switch v.Kind() {
	case expression.KindArray:
		for _, item := range v.Items() {
			words = leaves(words, item)
		}
		return words
	case expression.KindObject:
		for _, key := range v.Keys() {
			item, _ := v.Get(key)
			words = leaves(words, item)
		}
		return words
	}
	if text := v.Text(); text != "" {
		words = append(words, text)
	}
	return words
}
