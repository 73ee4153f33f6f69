package matcher

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

const (
	// maxExpression bounds the bytes of an expression.
	maxExpression = 16 << 10
	// maxProgram bounds the instructions of an expression that is matched
	// without a limit of time: the time is lines × instructions at worst.
	maxProgram = 1000
	// maxBacktrack bounds the memory of a match, in numbers.
	maxBacktrack = 1 << 20
)

// errLimit tells that a match took too much time or memory.
var errLimit = errors.New("it takes too long to match")

// regex is a regular expression over single lines. The cheap questions come
// first: most lines have none of the needles, and few of the rest pass quick.
type regex struct {
	needles []string        // a text that matches has one of them; unknown when empty
	quick   *regexp.Regexp  // matches all that the expression does, and perhaps more; nil when there is none
	exact   *regexp.Regexp  // the expression, when Go's regexp means the same by it
	full    *regexp2.Regexp // the expression, when it does not
	groups  int             // with group 0, the whole match
}

// compile reads an expression. limit bounds each match that may backtrack.
func compile(expr string, limit time.Duration) (*regex, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("it has %d bytes, at most %d are taken", len(expr), maxExpression)
	}
	r := &regex{}
	full := expr
	if t, ok := translate(expr); ok {
		full = t.full
		if r.prepare(t) {
			return r, nil
		}
	}
	compiled, err := regexp2.Compile(full, regexp2.OptionMaxBacktrackingStackSize(maxBacktrack))
	if err != nil {
		return nil, err
	}
	compiled.MatchTimeout = limit
	r.full, r.groups = compiled, len(compiled.GetGroupNumbers())
	return r, nil
}

// prepare makes what answers the cheap questions. It is true when nothing else
// is needed.
func (r *regex) prepare(t translation) bool {
	tree, err := syntax.Parse(t.wide, syntax.Perl)
	if err != nil {
		return false
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return false
	}
	if t.exact && !loopsOverNothing(tree) {
		r.exact = regexp.MustCompile(t.wide)
		r.groups = r.exact.NumSubexp() + 1
	}
	r.needles = needlesOf(withoutGroups(tree))
	r.quick = r.exact
	if short := withoutTail(t.wide); r.quick == nil || short != t.wide {
		if quick, err := regexp.Compile(short); err == nil {
			r.quick = quick
		}
	}
	return r.exact != nil
}

// tails are ends of expressions that match every rest of a line, and what of
// them is left when the rest need not be read.
var tails = [...]struct {
	text, left string
	alone      bool // only in expressions without alternatives
}{
	{text: "(.*)$"}, {text: "(.*?)$"}, {text: ".*$"}, {text: "(.*)"}, {text: ".*"},
	{text: "(.+)$", left: "."}, {text: "(.+)", left: "."}, {text: ".+$", left: "."},
	{text: ".*)$", left: ")", alone: true}, {text: ".*)", left: ")", alone: true},
}

// withoutTail shortens an expression to one that matches the same lines.
func withoutTail(wide string) string {
	for _, tail := range tails {
		short, ok := strings.CutSuffix(wide, tail.text)
		// Behind a backslash the first character of the tail is none of it.
		if ok && !strings.HasSuffix(short, `\`) && !(tail.alone && strings.Contains(wide, "|")) {
			return short + tail.left
		}
	}
	return wide
}

// matches tells whether a line matches. The error is errLimit.
func (r *regex) matches(line string) (bool, error) {
	if !r.mayMatch(line) {
		return false, nil
	}
	if r.exact != nil {
		return true, nil // what quick leaves out matches anything
	}
	texts, err := backtrack(r.full, line)
	return texts != nil, err
}

// mayMatch is false for lines that do not match, and for some expressions true
// for all.
func (r *regex) mayMatch(line string) bool {
	return hasOneOf(line, r.needles) && (r.quick == nil || r.quick.MatchString(line))
}

func hasOneOf(line string, needles []string) bool {
	for _, needle := range needles {
		if strings.Contains(line, needle) {
			return true
		}
	}
	return len(needles) == 0
}

// find gives the texts of a line's groups, "" for those that took no part, or
// nil when the line does not match. The error is errLimit.
func (r *regex) find(line string) ([]string, error) {
	if !r.mayMatch(line) {
		return nil, nil
	}
	if r.exact != nil {
		return r.exact.FindStringSubmatch(line), nil
	}
	return backtrack(r.full, line)
}

// backtrack gives the texts of a line's groups. The engine has failed on odd
// expressions in tests: that, too, is a line that cannot be matched.
func backtrack(full *regexp2.Regexp, line string) (texts []string, err error) {
	defer func() {
		if recover() != nil {
			texts, err = nil, errLimit
		}
	}()
	m, err := full.FindStringMatch(line)
	if err != nil {
		return nil, errLimit
	}
	if m == nil {
		return nil, nil
	}
	texts = make([]string, len(full.GetGroupNumbers()))
	for i := range texts {
		// Numbers that are written in the expression may have gaps.
		if g := m.GroupByNumber(i); g != nil {
			texts[i] = g.String()
		}
	}
	return texts, nil
}
