package matcher

import "strings"

// running is a matcher with the lines that its first patterns have matched.
type running struct {
	*Matcher
	// begun has an entry for each pattern but the last one. What is in the
	// lines is looked up when the last one has matched, which is rare.
	begun    []begun
	timeouts int
}

// begun is that the patterns up to one have matched lines.
type begun struct {
	holds bool
	lines []string // one for each of these patterns
}

func newRunning(m *Matcher) *running {
	r := &running{Matcher: m, begun: make([]begun, len(m.patterns)-1)}
	for i := range r.begun {
		r.begun[i].lines = make([]string, i+1)
	}
	return r
}

func (r *running) hasOwnerOf(m *Matcher) bool { return strings.EqualFold(r.owner, m.owner) }

func (r *running) reset() {
	for i := range r.begun {
		r.begun[i].forget()
	}
}

// forget also lets go of the lines' memory.
func (b *begun) forget() {
	if b.holds {
		b.holds = false
		clear(b.lines)
	}
}

// match is what the groups of all patterns say, and which pattern said it.
type match struct {
	texts  [propertyCount]string
	ofLast [propertyCount]bool
}

// scan matches a line, and gives a match when it is the last one of a problem.
// The error is that matching took too long: the line counts as one that does
// not match.
func (r *running) scan(text string) (*match, error) {
	if len(text) > maxLine {
		r.reset()
		return nil, nil
	}
	m, err := r.advance(text)
	if err != nil {
		r.timeouts++
		r.reset()
		return nil, err
	}
	return m, nil
}

// advance asks the last pattern first, so that a line takes each one step
// further at most (GitHub: IssueMatcher.cs).
func (r *running) advance(text string) (*match, error) {
	last := len(r.patterns) - 1
	if last == 0 || r.begun[last-1].holds {
		if m, err := r.finish(text); m != nil || err != nil {
			return m, err
		}
	}
	for i := last - 1; i >= 0; i-- {
		if i > 0 && !r.begun[i-1].holds {
			continue
		}
		ok, err := r.patterns[i].regex.matches(text)
		if err != nil {
			return nil, err
		}
		if !ok {
			r.begun[i].forget()
			continue
		}
		r.begin(i, text)
	}
	return nil, nil
}

// begin notes that the patterns up to i have matched.
func (r *running) begin(i int, text string) {
	b := &r.begun[i]
	b.holds = true
	if i > 0 {
		copy(b.lines, r.begun[i-1].lines)
	}
	b.lines[i] = text
}

// finish matches the last pattern.
func (r *running) finish(text string) (*match, error) {
	last := len(r.patterns) - 1
	groups, err := r.patterns[last].regex.find(text)
	if err != nil {
		return nil, err
	}
	if groups == nil {
		if last > 0 {
			r.begun[last-1].forget()
		}
		return nil, nil
	}
	m := &match{}
	for i, p := range r.patterns[:last] {
		groups, err := p.regex.find(r.begun[last-1].lines[i])
		if err != nil {
			return nil, err
		}
		m.take(p, groups, false)
	}
	m.take(r.patterns[last], groups, true)
	r.finished()
	return m, nil
}

// finished forgets all lines. A pattern that loops goes on from the same ones.
func (r *running) finished() {
	keep := len(r.begun)
	if r.patterns[len(r.patterns)-1].loop {
		keep--
	}
	for i := range r.begun[:keep] {
		r.begun[i].forget()
	}
}

// take notes what a pattern's groups say. There are none only if a line that
// has matched does not any more, which cheap questions cannot rule out.
func (m *match) take(p pattern, groups []string, last bool) {
	for i, g := range p.groups {
		if g.given && g.number < len(groups) {
			m.texts[i], m.ofLast[i] = groups[g.number], last
		}
	}
}
