package matcher

import "regexp/syntax"

// loopsOverNothing tells whether a part that may be empty is repeated. There
// the two engines do not agree where a loop ends.
func loopsOverNothing(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpStar, syntax.OpPlus:
		if mayBeEmpty(tree.Sub[0]) {
			return true
		}
	case syntax.OpRepeat:
		if tree.Max != 1 && mayBeEmpty(tree.Sub[0]) {
			return true
		}
	}
	for _, sub := range tree.Sub {
		if loopsOverNothing(sub) {
			return true
		}
	}
	return false
}

// mayBeEmpty tells whether the empty text may match, the place permitting.
func mayBeEmpty(tree *syntax.Regexp) bool {
	switch tree.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return false
	case syntax.OpPlus, syntax.OpCapture:
		return mayBeEmpty(tree.Sub[0])
	case syntax.OpRepeat:
		return tree.Min == 0 || mayBeEmpty(tree.Sub[0])
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			if !mayBeEmpty(sub) {
				return false
			}
		}
	case syntax.OpAlternate:
		for _, sub := range tree.Sub {
			if mayBeEmpty(sub) {
				return true
			}
		}
		return false
	}
	return true
}

// withoutGroups gives a tree that matches the same texts and captures nothing,
// with sequences in sequences made one. It changes the tree it is given.
func withoutGroups(tree *syntax.Regexp) *syntax.Regexp {
	for tree.Op == syntax.OpCapture {
		tree = tree.Sub[0]
	}
	for i, sub := range tree.Sub {
		tree.Sub[i] = withoutGroups(sub)
	}
	if tree.Op == syntax.OpConcat {
		tree.Sub = flat(tree.Sub)
	}
	return tree
}

func flat(parts []*syntax.Regexp) []*syntax.Regexp {
	var all []*syntax.Regexp
	for _, part := range parts {
		if part.Op == syntax.OpConcat {
			all = append(all, part.Sub...)
		} else {
			all = append(all, part)
		}
	}
	return all
}
