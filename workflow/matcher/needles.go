package matcher

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

const (
	// maxNeedles bounds how many texts are looked for in a line.
	maxNeedles = 8
	// maxClass is how many characters of a class are counted up.
	maxClass = 4
)

// needlesOf gives texts of which every match has at least one, or none when it
// finds no useful ones. The tree has no groups.
func needlesOf(tree *syntax.Regexp) []string {
	k := know(tree)
	k.settle()
	return k.needed
}

// known is what is known of the texts that a part of an expression matches.
type known struct {
	// all are the texts, when they are few; nil when they are not known.
	all []string
	// needed are texts of which each text has one; nil when there are none.
	needed []string
}

// settle makes needed of what all says.
func (k *known) settle() {
	k.needed = better(k.needed, k.all)
	k.all = nil
}

// better gives the texts that fewer lines will have: the longer ones.
func better(a, b []string) []string {
	long, other := shortest(a), shortest(b)
	if other > long || other == long && len(b) < len(a) {
		a, long = b, other
	}
	if long == 0 {
		return nil
	}
	return a
}

// shortest gives the length of the shortest text, 0 when there is none.
func shortest(texts []string) int {
	least := 0
	for i, text := range texts {
		if i == 0 || len(text) < least {
			least = len(text)
		}
	}
	return least
}

func know(tree *syntax.Regexp) known {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase != 0 || slices.Contains(tree.Rune, utf8.RuneError) {
			return known{}
		}
		return known{all: []string{string(tree.Rune)}}
	case syntax.OpCharClass:
		return known{all: charactersOf(tree.Rune)}
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return known{all: []string{""}}
	case syntax.OpQuest:
		k := know(tree.Sub[0])
		return known{all: union(k.all, []string{""})}
	case syntax.OpPlus:
		return repeated(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return repeated(tree.Sub[0])
		}
	case syntax.OpConcat:
		return knowSequence(tree.Sub)
	case syntax.OpAlternate:
		return knowChoice(tree.Sub)
	}
	return known{}
}

// repeated is what is known of a part that occurs at least once.
func repeated(tree *syntax.Regexp) known {
	k := know(tree)
	k.settle()
	return k
}

// knowSequence puts neighbours together as long as all their texts are known.
func knowSequence(parts []*syntax.Regexp) known {
	sum := known{all: []string{""}}
	whole := true
	for _, part := range parts {
		k := know(part)
		if joined := product(sum.all, k.all); joined != nil {
			sum.all = joined
			continue
		}
		whole = false
		sum.settle()
		sum.needed = better(sum.needed, k.needed)
		sum.all = k.all
		if sum.all == nil {
			sum.all = []string{""}
		}
	}
	if !whole {
		sum.settle()
	}
	return sum
}

func knowChoice(parts []*syntax.Regexp) known {
	var all, needed []string
	for i, part := range parts {
		k := know(part)
		if i == 0 {
			all = k.all
		} else {
			all = union(all, k.all)
		}
		k.settle()
		if i == 0 {
			needed = k.needed
		} else {
			needed = union(needed, k.needed)
		}
	}
	return known{all: all, needed: needed}
}

// union is nil when one of the sets is not known, or both are too many.
func union(a, b []string) []string {
	if a == nil || b == nil || len(a)+len(b) > maxNeedles {
		return nil
	}
	return append(append([]string(nil), a...), b...)
}

// product gives every text of a followed by every text of b.
func product(a, b []string) []string {
	if a == nil || b == nil || len(a)*len(b) > maxNeedles {
		return nil
	}
	all := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, x+y)
		}
	}
	return all
}

// charactersOf counts up a class, given as pairs of first and last. One with the
// replacement character stays unknown, as a literal does: bytes that are no text
// match it.
func charactersOf(ranges []rune) []string {
	var all []string
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i+1]-ranges[i] >= maxClass {
			return nil
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if r == utf8.RuneError {
				return nil
			}
			all = append(all, string(r))
		}
		if len(all) > maxClass {
			return nil
		}
	}
	return all
}
