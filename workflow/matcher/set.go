package matcher

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"multirunner/helpers/ansi"
)

const (
	// maxLine is the longest line that is matched. What tools report is short;
	// a line without end is some other output.
	maxLine = 32 << 10
	// maxTimeouts is how many matches of a matcher may take too long before it
	// is removed (GitHub: OutputManager.cs, which tries one line so often).
	maxTimeouts = 3
)

// Set is the matchers of a job, and how far each is with the lines so far. The
// zero Set is empty. It is safe for concurrent use.
type Set struct {
	mu   sync.Mutex
	list []*running // in the order in which they are asked
}

// Add puts matchers, in their order, before those that are there. One with the
// owner of an earlier one replaces it.
func (s *Set) Add(matchers []*Matcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*running, 0, len(matchers)+len(s.list))
	for _, m := range matchers {
		list = append(list, newRunning(m))
	}
	for _, r := range s.list {
		if !slices.ContainsFunc(matchers, r.hasOwnerOf) {
			list = append(list, r)
		}
	}
	s.list = list
}

// Remove takes out the matcher of an owner, and tells whether there was one.
func (s *Set) Remove(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.list)
	s.list = slices.DeleteFunc(s.list, func(r *running) bool { return strings.EqualFold(r.owner, owner) })
	return len(s.list) < before
}

// Reset forgets the lines so far: what follows is another process's output.
func (s *Set) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		r.reset()
	}
}

// Found is what a line tells.
type Found struct {
	// Issue is a problem that ends with this line, nil when there is none.
	Issue *Issue
	// Warnings are for the user: matchers that had to be removed.
	Warnings []string
}

// Scan reads a line of output, without its end. Escape sequences in it do not
// count. The first matcher that matches wins, and the others forget their
// lines so far.
func (s *Set) Scan(line string) Found {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) == 0 {
		return Found{}
	}
	var found Found
	text := ansi.Strip(line)
	for _, r := range s.list {
		match, err := r.scan(text)
		if err != nil && r.timeouts == maxTimeouts {
			found.Warnings = append(found.Warnings, fmt.Sprintf(
				"The problem matcher %q is removed: %d lines could not be matched in time. A simpler regexp would help.", r.owner, maxTimeouts))
		}
		if match == nil {
			continue
		}
		s.resetOthers(r)
		if found.Issue = match.issue(r.Matcher, text); found.Issue != nil {
			break
		}
	}
	if len(found.Warnings) > 0 {
		s.list = slices.DeleteFunc(slices.Clone(s.list), func(r *running) bool { return r.timeouts >= maxTimeouts })
	}
	return found
}

func (s *Set) resetOthers(winner *running) {
	for _, r := range s.list {
		if r != winner {
			r.reset()
		}
	}
}
