package mask

// matcher finds patterns in a text (Aho and Corasick, 1975): a tree of their
// prefixes, in which every node also knows the longest proper suffix of its
// own text that is a prefix too. It is immutable.
//
// Most text begins no secret, so pairs tells of two bytes whether any pattern
// begins with them; the tree is walked only where one does.
type matcher struct {
	nodes []node
	first [256]int32 // the root's children by byte
	pairs [1 << 16 / 64]uint64
}

// node is a prefix of patterns. Nodes are named by their index; root is none
// of them a child, so it also stands for "no node".
type node struct {
	child   int32 // the first one
	sibling int32
	fail    int32 // the longest proper suffix of this prefix that is a node
	depth   int32 // the length of this prefix
	match   int32 // the length of the longest pattern that ends this prefix, 0 for none
	label   byte  // the last byte of this prefix
}

const root int32 = 0

// span is a range of bytes to replace.
type span struct{ start, end int }

// newMatcher makes the matcher for patterns of size bytes together.
func newMatcher(patterns []string, size int) *matcher {
	// Forms of a value have beginnings in common.
	m := &matcher{nodes: make([]node, 1, size/2+1)}
	for _, p := range patterns {
		m.insert(p)
	}
	m.link()
	return m
}

// insert adds a pattern to the tree; it is not empty.
func (m *matcher) insert(pattern string) {
	m.setPairs(pattern)
	at := root
	for i := range len(pattern) {
		next := m.child(at, pattern[i])
		if next == root {
			next = m.grow(at, pattern[i])
		}
		at = next
	}
	m.nodes[at].match = m.nodes[at].depth
}

func (m *matcher) setPairs(pattern string) {
	if len(pattern) > 1 {
		m.setPair(pattern[0], pattern[1])
		return
	}
	for second := range 256 {
		m.setPair(pattern[0], byte(second))
	}
}

func (m *matcher) setPair(a, b byte) { m.pairs[uint16(a)<<2|uint16(b>>6)] |= 1 << (b & 63) }

func (m *matcher) begins(a, b byte) bool { return m.pairs[uint16(a)<<2|uint16(b>>6)]>>(b&63)&1 != 0 }

// child gives a node's child for a byte, or root.
func (m *matcher) child(at int32, b byte) int32 {
	if at == root {
		return m.first[b]
	}
	for c := m.nodes[at].child; c != root; c = m.nodes[c].sibling {
		if m.nodes[c].label == b {
			return c
		}
	}
	return root
}

func (m *matcher) grow(at int32, b byte) int32 {
	name := int32(len(m.nodes))
	parent := &m.nodes[at]
	added := node{sibling: parent.child, depth: parent.depth + 1, label: b}
	parent.child = name
	m.nodes = append(m.nodes, added)
	if at == root {
		m.first[b] = name
	}
	return name
}

// link sets fail and match of all nodes, level by level: those of a node need
// those of shorter prefixes.
func (m *matcher) link() {
	queue := make([]int32, 0, len(m.nodes))
	for c := m.nodes[root].child; c != root; c = m.nodes[c].sibling {
		queue = append(queue, c)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c := m.nodes[at].child; c != root; c = m.nodes[c].sibling {
			fail := m.step(m.nodes[at].fail, m.nodes[c].label)
			m.nodes[c].fail = fail
			if m.nodes[c].match == 0 {
				m.nodes[c].match = m.nodes[fail].match
			}
			queue = append(queue, c)
		}
	}
}

// step gives the longest suffix of a prefix and a byte that is a prefix.
func (m *matcher) step(at int32, b byte) int32 {
	for {
		if next := m.child(at, b); next != root || at == root {
			return next
		}
		at = m.nodes[at].fail
	}
}

// settle gives the longest suffix of a prefix that may still grow: behind a
// whole pattern nothing is open.
func (m *matcher) settle(at int32) int32 {
	for at != root && m.nodes[at].child == root {
		at = m.nodes[at].fail
	}
	return at
}

// find goes through a text that begins at offset and comes after what brought
// the matcher to the node at. It gives the node at the end of the text, and
// adds what is to be replaced to spans, which stays in order and has no two
// that overlap or touch. A span may begin before offset.
func find[T string | []byte](m *matcher, text T, at int32, offset int, spans []span) (int32, []span) {
	if len(m.nodes) == 1 {
		return root, spans
	}
	last := len(text) - 1
	for i := 0; i <= last; i++ {
		if at == root {
			for i < last && !m.begins(text[i], text[i+1]) {
				i++
			}
		}
		at = m.step(at, text[i])
		n := &m.nodes[at]
		if n.match > 0 {
			end := offset + i + 1
			spans = merge(spans, span{end - int(n.match), end})
		}
		if n.depth == 1 && i < last && !m.begins(text[i], text[i+1]) {
			at = root
		}
	}
	return m.settle(at), spans
}

// merge adds a span that ends behind all others.
func merge(spans []span, s span) []span {
	for len(spans) > 0 && spans[len(spans)-1].end >= s.start {
		s.start = min(s.start, spans[len(spans)-1].start)
		spans = spans[:len(spans)-1]
	}
	return append(spans, s)
}

// union gives the spans of two lists as one, in order and with no two that
// overlap or touch, as each of the lists is.
func union(a, b []span) []span {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...)
	}
	all := make([]span, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		if len(a) == 0 || len(b) > 0 && b[0].start < a[0].start {
			a, b = b, a
		}
		next := a[0]
		a = a[1:]
		if last := len(all) - 1; last >= 0 && all[last].end >= next.start {
			all[last].end = max(all[last].end, next.end)
			continue
		}
		all = append(all, next)
	}
	return all
}
