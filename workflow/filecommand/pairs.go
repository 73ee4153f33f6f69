package filecommand

import (
	"fmt"
	"strconv"
	"strings"
)

// Pair is a name with its value. A name may occur more than once; the last
// one counts.
type Pair struct{ Name, Value string }

// LineEnds says what ends a line.
type LineEnds int

const (
	// LF is for jobs on Unix: a carriage return stays in the value.
	LF LineEnds = iota
	// CRLF is for jobs on Windows: both ends are known.
	CRLF
)

// Pairs reads NAME=VALUE lines and NAME<<DELIMITER blocks. With an error it
// gives the pairs before the fault too, which GitHub's runner applies.
//
// Whichever of = and << comes first in a line decides. A block's value keeps
// its inner ends of lines, without the last one. Blank lines are skipped.
func Pairs(data []byte, ends LineEnds) ([]Pair, error) {
	r := reader{text: decode(data), crlf: ends == CRLF}
	var pairs []Pair
	for r.next() {
		if r.line == "" {
			continue
		}
		pair, err := r.pair()
		if err != nil {
			return pairs, err
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

// reader walks over the lines of a text.
type reader struct {
	text  string
	crlf  bool
	pos   int    // where the next line starts
	start int    // where the current line starts
	line  string // without its end
	ended bool   // the current line has an end
	count int    // of lines read
}

func (r *reader) next() bool {
	if r.pos >= len(r.text) {
		return false
	}
	r.count++
	r.start = r.pos
	r.line, _, r.ended = strings.Cut(r.text[r.pos:], "\n")
	r.pos += len(r.line)
	if r.ended {
		r.pos++
	}
	if r.crlf && r.ended {
		r.line = strings.TrimSuffix(r.line, "\r")
	}
	return true
}

func (r *reader) pair() (Pair, error) {
	equals, block := strings.Index(r.line, "="), strings.Index(r.line, "<<")
	switch {
	case block >= 0 && (equals < 0 || block < equals):
		return r.block(r.line[:block], r.line[block+len("<<"):])
	case equals > 0:
		return Pair{r.line[:equals], r.line[equals+1:]}, nil
	case equals == 0:
		return Pair{}, r.errorf(r.count, "%s has no name before the equal sign", shown(r.line))
	}
	return Pair{}, r.errorf(r.count, "%s is neither NAME=VALUE nor NAME<<DELIMITER", shown(r.line))
}

// block reads the lines up to the delimiter.
func (r *reader) block(name, delimiter string) (Pair, error) {
	first, opening := r.count, r.line
	if name == "" || delimiter == "" {
		return Pair{}, r.errorf(first, "%s needs a name before << and a delimiter after it", shown(opening))
	}
	from, to := r.pos, r.pos
	for r.next() {
		if r.line == delimiter {
			return Pair{name, r.text[from:to]}, nil
		}
		if !r.ended {
			return Pair{}, r.errorf(first, "no line with the delimiter follows %s: the last line of the value has no end of line, so the delimiter could not come after it", shown(opening))
		}
		to = r.start + len(r.line)
	}
	return Pair{}, r.errorf(first, "no line with the delimiter follows %s", shown(opening))
}

func (r *reader) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

// shown names a line in an error: the whole of it, or only its length. A secret
// that stands in it is masked later, which a part of one would not be.
func shown(line string) string {
	const limit = 200
	if len(line) <= limit {
		return strconv.Quote(line)
	}
	return fmt.Sprintf("a line of %d bytes", len(line))
}
