package hashfiles

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// segments is a path below the root, without it. Empty is the root.
type segments []string

func (s segments) String() string {
	if len(s) == 0 {
		return "."
	}
	return strings.Join(s, "/")
}

func (s segments) below(name string) segments {
	return append(s[:len(s):len(s)], name)
}

// pattern is one line.
type pattern struct {
	negate bool
	parts  []part
	dir    bool // ends with a slash: selects what is in a directory only
}

// part is one segment of a pattern.
type part struct {
	any  bool // **: any number of segments
	glob glob
}

type patternSet []pattern

// parse reads the patterns. Those that lie outside of root select nothing.
func parse(root string, texts []string) (patternSet, error) {
	var set patternSet
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			p, inside, err := parseLine(root, line)
			if err != nil {
				return nil, err
			}
			if inside {
				set = append(set, p)
			}
		}
	}
	return set, nil
}

func parseLine(root, line string) (p pattern, inside bool, err error) {
	text := line
	for strings.HasPrefix(text, "!") {
		p.negate = !p.negate
		text = strings.TrimSpace(text[1:])
	}
	windows := runtime.GOOS == "windows"
	if windows {
		text, root = strings.ReplaceAll(text, `\`, "/"), filepath.ToSlash(root)
	}
	if strings.HasPrefix(text, "/") || filepath.IsAbs(text) {
		rest, ok := strings.CutPrefix(text, strings.TrimRight(root, "/"))
		if !ok || rest != "" && rest[0] != '/' {
			return p, false, nil
		}
		text = rest
	}
	p.dir = strings.HasSuffix(text, "/")
	for i, word := range strings.Split(text, "/") {
		switch {
		case word == "" || word == "." && i == 0:
		case word == "." || word == "..":
			return p, false, fmt.Errorf("pattern %q: . and .. may not stand in it", line)
		case word == "**":
			p.parts = append(p.parts, part{any: true})
		default:
			p.parts = append(p.parts, part{glob: compile(word, windows)})
		}
	}
	return p, true, nil
}

// match tells whether a file is selected. A pattern that selects a directory
// selects all that is in it.
func (set patternSet) match(path segments) bool {
	selected := false
	for _, p := range set {
		if selected == p.negate && p.matches(path) {
			selected = !p.negate
		}
	}
	return selected
}

func (p pattern) matches(path segments) bool {
	longest := len(path)
	if p.dir {
		longest--
	}
	reached := p.reach(path)
	return longest >= 0 && slices.Contains(reached[:longest+1], true)
}

// reach tells for each beginning of path whether the whole pattern matches it.
// It works through the pattern part by part, so that many ** cost no more than
// one each.
func (p pattern) reach(path segments) []bool {
	reached, next := make([]bool, len(path)+1), make([]bool, len(path)+1)
	reached[0] = true
	for _, part := range p.parts {
		next[0] = part.any && reached[0]
		for i, name := range path {
			if part.any {
				next[i+1] = next[i] || reached[i+1]
			} else {
				next[i+1] = reached[i] && part.glob.match(name)
			}
		}
		reached, next = next, reached
	}
	return reached
}

// mayMatchBelow tells whether something in the directory may be selected.
func (set patternSet) mayMatchBelow(dir segments) bool {
	return slices.ContainsFunc(set, func(p pattern) bool { return !p.negate && p.reachesBelow(dir) })
}

func (p pattern) reachesBelow(dir segments) bool {
	for i, name := range dir {
		if i >= len(p.parts) || p.parts[i].any {
			return true
		}
		if !p.parts[i].glob.match(name) {
			return false
		}
	}
	return true
}

// starts gives the places where the walk begins: the literal beginning of each
// pattern, but none that lies below another one's.
func (set patternSet) starts() []segments {
	var all []segments
	for _, p := range set {
		if !p.negate {
			all = append(all, p.literal())
		}
	}
	var starts []segments
	for _, s := range all {
		same := func(other segments) bool { return slices.Equal(other, s) }
		above := func(other segments) bool { return len(other) < len(s) && slices.Equal(other, s[:len(other)]) }
		if !slices.ContainsFunc(all, above) && !slices.ContainsFunc(starts, same) {
			starts = append(starts, s)
		}
	}
	return starts
}

func (p pattern) literal() segments {
	var path segments
	for _, part := range p.parts {
		text, ok := part.glob.literal()
		if part.any || !ok {
			break
		}
		path = append(path, text)
	}
	return path
}
