package matcher

import "strings"

// translation is an expression of a matcher file in the languages of the two
// engines. The file's language is that of GitHub's runner: .NET's, with the
// ASCII classes of ECMAScript.
type translation struct {
	// wide is for Go's regexp. It matches all that the expression matches, and
	// more when it is not exact: lookarounds are left out, what a reference
	// repeats is anything.
	wide  string
	exact bool
	// full is the expression for the engine that backtracks.
	full string
}

// translate is false for an expression with something rare in it, or with a
// fault: then the engine that backtracks gets it as it is.
func translate(expr string) (translation, bool) {
	t := translator{src: expr, exact: true}
	for t.pos < len(t.src) {
		if !t.next() {
			return translation{}, false
		}
	}
	if len(t.open) > 0 {
		return translation{}, false
	}
	// .NET counts named groups after all others, Go in their order.
	if t.named > 0 && t.named < t.groups {
		t.exact = false
	}
	return translation{wide: t.wide.String(), full: t.full.String(), exact: t.exact}, true
}

type translator struct {
	src        string
	pos        int
	wide, full strings.Builder
	exact      bool
	open       []bool // groups around pos: true for lookarounds
	left       int    // lookarounds among them, whose content is not in wide
	groups     int    // capturing groups so far
	named      int    // those with a name
}

// emit writes to both translations.
func (t *translator) emit(wide, full string) {
	if t.left == 0 {
		t.wide.WriteString(wide)
	}
	t.full.WriteString(full)
}

func (t *translator) both(text string) { t.emit(text, text) }

// next translates what stands at pos.
func (t *translator) next() bool {
	switch c := t.src[t.pos]; c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.group()
	case ')':
		return t.close()
	default:
		t.pos++
		t.both(string([]byte{c}))
	}
	return true
}

// group translates the start of a group, and options and comments, which look
// like one.
func (t *translator) group() bool {
	rest := t.src[t.pos:]
	if !strings.HasPrefix(rest, "(?") {
		t.groups++
		return t.begin(1, "(", "(")
	}
	for _, start := range [...]string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(rest, start) {
			return t.lookaround(start)
		}
	}
	switch {
	case strings.HasPrefix(rest, "(?:"):
		return t.begin(3, "(?:", "(?:")
	case strings.HasPrefix(rest, "(?>"):
		t.exact = false
		return t.begin(3, "(?:", "(?>")
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		t.pos += end + 1
		return end > 0
	case strings.HasPrefix(rest, "(?<"):
		return t.namedGroup(rest, '>')
	case strings.HasPrefix(rest, "(?'"):
		return t.namedGroup(rest, '\'')
	}
	return t.options(rest)
}

// begin opens a group that is written with n bytes.
func (t *translator) begin(n int, wide, full string) bool {
	t.pos += n
	t.emit(wide, full)
	t.open = append(t.open, false)
	return true
}

func (t *translator) lookaround(start string) bool {
	t.exact = false
	t.pos += len(start)
	t.emit("(?:", start)
	t.open = append(t.open, true)
	t.left++
	return true
}

func (t *translator) namedGroup(rest string, quote byte) bool {
	name, _, ok := strings.Cut(rest[3:], string(quote))
	if !ok || !isName(name) {
		return false
	}
	if strings.Count(t.src, rest[:3]+name+string(quote)) > 1 {
		t.exact = false // .NET makes one group of them
	}
	t.groups++
	t.named++
	return t.begin(len(name)+4, "(", "(?<"+name+">")
}

// isName tells whether a group's name is a plain one: numbers and pairs have
// meanings of their own.
func isName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// options translates (?i) and (?i:. The options n and x change how the rest is
// to be read.
func (t *translator) options(rest string) bool {
	end := strings.IndexAny(rest, "):")
	if end < 0 || strings.Trim(rest[2:end], "ims-") != "" {
		return false
	}
	option := rest[:end+1]
	if rest[end] == ')' {
		t.pos += len(option)
		t.both(option)
		return true
	}
	return t.begin(len(option), option, option)
}

func (t *translator) close() bool {
	if len(t.open) == 0 {
		return false
	}
	last := len(t.open) - 1
	if t.open[last] {
		t.left--
	}
	t.open = t.open[:last]
	t.pos++
	t.both(")")
	return true
}

// boundary is \b with ASCII words, for an engine that takes all letters.
const (
	boundary   = `(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))`
	noBoundary = `(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))`
)

// escape translates a backslash and what follows, outside of a class.
func (t *translator) escape() bool {
	if t.pos+1 >= len(t.src) {
		return false
	}
	c := t.src[t.pos+1]
	if set, ok := classSets[c]; ok {
		t.pos += 2
		t.both("[" + set + "]")
		return true
	}
	switch c {
	case 'b':
		return t.symbol(`\b`, boundary)
	case 'B':
		return t.symbol(`\B`, noBoundary)
	case 'A':
		return t.symbol(`\A`, `\A`)
	case 'z', 'Z':
		return t.symbol(`\z`, `\`+string(c))
	case 'G':
		return false
	case 'p', 'P', 'k':
		return t.bracketed(c)
	}
	if c >= '1' && c <= '9' && t.reference() {
		return true
	}
	r, n := character(t.src[t.pos:])
	if n == 0 {
		return false
	}
	t.pos += n
	t.both(quote(r))
	return true
}

// symbol translates an escape of two bytes.
func (t *translator) symbol(wide, full string) bool {
	t.pos += 2
	t.emit(wide, full)
	return true
}

// bracketed translates \p{category} and \k<name>.
func (t *translator) bracketed(c byte) bool {
	closing, wide := "}", "(?s:.)"
	if c == 'k' {
		closing, wide = ">", "(?s:.*)"
	}
	end := strings.Index(t.src[t.pos:], closing)
	if end < 0 {
		return false
	}
	t.exact = false
	t.emit(wide, t.src[t.pos:t.pos+end+1])
	t.pos += end + 1
	return true
}

// reference translates \1 and the like: as many digits as make the number of a
// group before it. It is false when there is no such group.
func (t *translator) reference() bool {
	end, number := t.pos+1, 0
	for end < len(t.src) && t.src[end] >= '0' && t.src[end] <= '9' {
		n := number*10 + int(t.src[end]-'0')
		if n > t.groups {
			break
		}
		number = n
		end++
	}
	if number == 0 {
		return false
	}
	t.exact = false
	// A digit behind it is text.
	t.emit("(?s:.*)", "(?:"+t.src[t.pos:end]+")")
	t.pos = end
	return true
}

// quote spells a character so that it stands for itself, in a class too. Only
// what needs a backslash gets one: .NET reads \< and \' as references.
func quote(r rune) string {
	if strings.ContainsRune(`\.+*?()|[]{}^$-`, r) {
		return `\` + string(r)
	}
	return string(r)
}
