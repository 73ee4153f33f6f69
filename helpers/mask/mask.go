// Package mask takes secrets out of text. It looks for many values at once, in
// the forms in which programs print them, and costs little per byte: a job's
// whole output goes through it.
package mask

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Stars stand where a secret was.
const Stars = "***"

// What a masker looks for takes about 30 bytes of memory per byte, and a value has
// many forms. These bound it; no list of real secrets comes near.
const (
	// maxForms is how many bytes of patterns there may be before values that
	// come later are looked for as they are, in no other form.
	maxForms = 8 << 20
	// maxPatterns is how many there may be before no value is taken any more.
	maxPatterns = 12 << 20
	// A longer value is looked for in the forms that large values are printed
	// in: as it is, in base64, in JSON and in commands.
	manyForms = 4 << 10
	// A still longer one is looked for as it is.
	someForms = 64 << 10
)

// Extent tells how much of a value a masker looks for.
type Extent int

// The extents, each less than the one before it.
const (
	Whole Extent = iota // in all its forms
	Plain               // some of it only as it is: it is too large, or there is too much already
	None                // not all of it: there is too much already
)

// Masker knows secrets and replaces them. The zero value and New are the same:
// a masker without secrets. It is safe for concurrent use.
type Masker struct {
	mu       sync.Mutex
	patterns map[string]bool
	size     int      // bytes of patterns
	added    []string // patterns that no layer has yet
	layers   []layer
	current  atomic.Pointer[[]layer] // nil when there are patterns in added
}

// layer is some of the patterns. Secrets that come late make layers of their
// own, so that the matcher for all those before is not built again each time.
type layer struct {
	patterns []string
	size     int // bytes of patterns
	matcher  *matcher
}

// New gives a masker that knows no secret.
func New() *Masker { return &Masker{} }

// Add makes the masker replace a value from now on, and each of its lines, both
// without the white space around them; and all of them in base64 (in lines too),
// JSON, URL, XML, quoted and workflow command form. White space alone is ignored. Every mask and stream of
// this masker sees the value in what comes after Add has returned. It tells how
// much of the value that is: less than Whole for values of more than 64 KiB, and
// when there are megabytes of others.
func (m *Masker) Add(value string) Extent {
	m.mu.Lock()
	defer m.mu.Unlock()
	extent := Whole
	for _, plain := range plainForms(value) {
		extent = max(extent, m.add(plain))
	}
	return extent
}

// add takes a value without white space around it. m.mu is held.
func (m *Masker) add(plain string) Extent {
	if !m.keep(plain, maxPatterns) {
		return None
	}
	if len(plain) > someForms {
		return Plain
	}
	for form := range forms(plain) {
		if !m.keep(form, maxForms) {
			return Plain
		}
	}
	return Whole
}

// keep takes a pattern unless there are too many with it. m.mu is held.
func (m *Masker) keep(pattern string, limit int) bool {
	if m.patterns[pattern] {
		return true
	}
	if m.size+len(pattern) > limit {
		return false
	}
	if m.patterns == nil {
		m.patterns = make(map[string]bool)
	}
	m.size += len(pattern)
	m.patterns[pattern] = true
	m.added = append(m.added, pattern)
	m.current.Store(nil)
	return true
}

// Mask gives the text with Stars in place of every secret. Secrets that
// overlap or touch give one Stars. A text without secrets comes back as it is,
// without an allocation.
func (m *Masker) Mask(text string) string {
	var spans []span
	for _, l := range *m.upToDate() {
		_, found := find(l.matcher, text, root, 0, nil)
		spans = union(spans, found)
	}
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	end := 0
	for _, s := range spans {
		b.WriteString(text[end:s.start])
		b.WriteString(Stars)
		end = s.end
	}
	b.WriteString(text[end:])
	return b.String()
}

// Contains tells whether Mask would change the text.
func (m *Masker) Contains(text string) bool { return m.Mask(text) != text }

// upToDate gives the layers with all that is known now. They are built when
// they are needed first, since secrets come in bursts.
func (m *Masker) upToDate() *[]layer {
	if current := m.current.Load(); current != nil {
		return current
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if current := m.current.Load(); current != nil {
		return current
	}
	m.layers = withLayer(m.layers, m.added)
	m.added = nil
	layers := m.layers
	m.current.Store(&layers)
	return &layers
}

// withLayer gives layers with one more. It takes the place of those before it
// that are not much larger, so that there are few, and each pattern is built
// into few matchers.
func withLayer(layers []layer, patterns []string) []layer {
	if len(patterns) == 0 {
		return layers
	}
	top := layer{patterns: patterns}
	for _, p := range patterns {
		top.size += len(p)
	}
	kept := len(layers)
	for ; kept > 0 && layers[kept-1].size < 3*top.size; kept-- {
		top.patterns = slices.Concat(layers[kept-1].patterns, top.patterns)
		top.size += layers[kept-1].size
	}
	top.matcher = newMatcher(top.patterns, top.size)
	return append(slices.Clone(layers[:kept]), top) // others may be reading layers
}
