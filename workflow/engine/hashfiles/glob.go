package hashfiles

import (
	"slices"
	"strings"
)

// glob is a pattern for one name: * any text, ? one character, [a-z] and [!a-z]
// one of a set. Names that start with a dot are like all others.
type glob struct {
	tokens []token
	fold   bool // upper and lower case are the same
}

type token struct {
	kind   tokenKind
	char   rune
	negate bool
	ranges [][2]rune
}

type tokenKind int

const (
	tokenChar tokenKind = iota
	tokenOne            // ?
	tokenMany           // *
	tokenSet            // [...]
)

// compile reads a pattern for a name. Every text is one: a bracket that is not
// closed is a character. On Windows there is no escaping.
func compile(text string, windows bool) glob {
	g := glob{fold: windows}
	if windows {
		text = strings.ToLower(text)
	}
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case c == '*':
			g.tokens = append(g.tokens, token{kind: tokenMany})
		case c == '?':
			g.tokens = append(g.tokens, token{kind: tokenOne})
		case c == '\\' && !windows && i+1 < len(runes):
			i++
			g.tokens = append(g.tokens, token{char: runes[i]})
		case c == '[':
			set, length := compileSet(runes[i:])
			if length == 0 {
				set = token{char: c}
				length = 1
			}
			g.tokens = append(g.tokens, set)
			i += length - 1
		default:
			g.tokens = append(g.tokens, token{char: c})
		}
	}
	return g
}

// compileSet reads [...] and gives its length, 0 when it is not closed.
func compileSet(runes []rune) (token, int) {
	set := token{kind: tokenSet}
	i := 1
	if i < len(runes) && (runes[i] == '!' || runes[i] == '^') {
		set.negate = true
		i++
	}
	for first := i; i < len(runes); i++ {
		if runes[i] == ']' && i > first {
			return set, i + 1
		}
		low, high := runes[i], runes[i]
		if i+2 < len(runes) && runes[i+1] == '-' && runes[i+2] != ']' {
			high = runes[i+2]
			i += 2
		}
		set.ranges = append(set.ranges, [2]rune{low, high})
	}
	return token{}, 0
}

// literal gives the only name that matches, false when there may be others.
func (g glob) literal() (string, bool) {
	var b strings.Builder
	for _, t := range g.tokens {
		if t.kind != tokenChar {
			return "", false
		}
		b.WriteRune(t.char)
	}
	return b.String(), true
}

func (g glob) match(name string) bool {
	if g.fold {
		name = strings.ToLower(name)
	}
	runes := []rune(name)
	// After a * everything is tried from where it began; only the last * has
	// to be tried again, so this takes at most len(tokens)·len(name) steps.
	t, n, star, mark := 0, 0, -1, 0
	for n < len(runes) {
		switch {
		case t < len(g.tokens) && g.tokens[t].kind == tokenMany:
			star, mark = t, n
			t++
		case t < len(g.tokens) && g.tokens[t].matches(runes[n]):
			t++
			n++
		case star >= 0:
			mark++
			t, n = star+1, mark
		default:
			return false
		}
	}
	for t < len(g.tokens) && g.tokens[t].kind == tokenMany {
		t++
	}
	return t == len(g.tokens)
}

func (t token) matches(c rune) bool {
	switch t.kind {
	case tokenChar:
		return t.char == c
	case tokenOne:
		return true
	}
	in := slices.ContainsFunc(t.ranges, func(r [2]rune) bool { return r[0] <= c && c <= r[1] })
	return in != t.negate
}
