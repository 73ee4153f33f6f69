// Package mask takes secrets out of text. It looks for many values at once, in
// the forms in which programs print them, and costs little per byte: a job's
// whole output goes through it.
package mask

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Stars stand where a secret was.
const Stars = "***"

// Masker knows secrets and replaces them. The zero value and New are the same:
// a masker without secrets. It is safe for concurrent use.
type Masker struct {
	mu       sync.Mutex
	patterns map[string]bool
	current  atomic.Pointer[matcher] // nil when patterns has changed
}

// New gives a masker that knows no secret.
func New() *Masker { return &Masker{} }

// Add makes the masker replace a value from now on, and each of its lines, both
// without the white space around them; and all of them in base64 (in lines too),
// JSON, URL, XML, quoted and workflow command form. White space alone is ignored. Every mask and stream of
// this masker sees the value in what comes after Add has returned.
func (m *Masker) Add(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for form := range forms(value) {
		if m.patterns[form] {
			continue
		}
		if m.patterns == nil {
			m.patterns = make(map[string]bool)
		}
		m.patterns[form] = true
		changed = true
	}
	if changed {
		m.current.Store(nil)
	}
}

// Mask gives the text with Stars in place of every secret. Secrets that
// overlap or touch give one Stars. A text without secrets comes back as it is,
// without an allocation.
func (m *Masker) Mask(text string) string {
	_, spans := find(m.matcher(), text, root, 0, nil)
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

// matcher gives the automaton for what is known now. It is built when it is
// needed first, since secrets come in bursts.
func (m *Masker) matcher() *matcher {
	if current := m.current.Load(); current != nil {
		return current
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if current := m.current.Load(); current != nil {
		return current
	}
	built := newMatcher(m.patterns)
	m.current.Store(built)
	return built
}
