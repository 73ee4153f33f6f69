package matcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxFile is the most bytes of a matcher file that Parse is meant for.
	MaxFile = 1 << 20
	// matchTime bounds one match of an expression that may backtrack (GitHub:
	// OutputManager.cs).
	matchTime = time.Second
)

// fileJSON and what is in it is a matcher file. Other keys are for editors, and
// are ignored.
type fileJSON struct {
	Matchers []matcherJSON `json:"problemMatcher"`
}

type matcherJSON struct {
	Owner    string        `json:"owner"`
	Severity string        `json:"severity"`
	Patterns []patternJSON `json:"pattern"`
}

type patternJSON struct {
	Regexp   string          `json:"regexp"`
	File     json.RawMessage `json:"file"`
	FromPath json.RawMessage `json:"fromPath"`
	Line     json.RawMessage `json:"line"`
	Column   json.RawMessage `json:"column"`
	Severity json.RawMessage `json:"severity"`
	Code     json.RawMessage `json:"code"`
	Message  json.RawMessage `json:"message"`
	Loop     bool            `json:"loop"`
}

// groups reads which groups the properties are: numbers, which may be quoted.
func (given patternJSON) groups() ([propertyCount]group, error) {
	var groups [propertyCount]group
	for i, raw := range [propertyCount]json.RawMessage{
		given.File, given.FromPath, given.Line, given.Column, given.Severity, given.Code, given.Message,
	} {
		text := strings.Trim(string(raw), `"`)
		if text == "" || text == "null" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return groups, fmt.Errorf("%s is %.40s, it must be the number of a group", propertyNames[i], raw)
		}
		groups[i] = group{number: n, given: true}
	}
	return groups, nil
}

// Parse reads a matcher file: JSON, in which comments and commas before a
// closing bracket are ignored, as editors let people write them. A file without
// matchers gives none. Errors name the line, or the owner and the pattern
// counted from 1.
func Parse(data []byte) ([]*Matcher, error) { return parse(data, matchTime) }

func parse(data []byte, limit time.Duration) ([]*Matcher, error) {
	data = relax(data)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	var file fileJSON
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, jsonError(data, err)
	}
	matchers := make([]*Matcher, 0, len(file.Matchers))
	for i, given := range file.Matchers {
		m, err := given.check(i, limit)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(matchers, func(other *Matcher) bool { return strings.EqualFold(other.owner, m.owner) }) {
			return nil, fmt.Errorf("the owner %q has two matchers in one file: give them different owners", m.owner)
		}
		matchers = append(matchers, m)
	}
	return matchers, nil
}

// jsonError says where the file is no JSON, or not of the right form.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %w", lineOf(data, syntax.Offset), err)
	}
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) {
		where := "it"
		if shape.Field != "" {
			where = shape.Field
		}
		return fmt.Errorf("line %d: %s must not be a JSON %s", lineOf(data, shape.Offset), where, shape.Value)
	}
	return err
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// check makes a matcher of what is written.
func (given matcherJSON) check(index int, limit time.Duration) (*Matcher, error) {
	if given.Owner == "" {
		return nil, fmt.Errorf("problem matcher %d has no owner: give it a name", index+1)
	}
	if _, ok := severity(given.Severity); !ok {
		return nil, fmt.Errorf("problem matcher %q: the severity is %q, it must be error, warning or notice", given.Owner, given.Severity)
	}
	if len(given.Patterns) == 0 {
		return nil, fmt.Errorf("problem matcher %q has no pattern", given.Owner)
	}
	m := &Matcher{owner: given.Owner, severity: given.Severity, patterns: make([]pattern, len(given.Patterns))}
	var seen [propertyCount]bool
	for i, p := range given.Patterns {
		last := i == len(given.Patterns)-1
		checked, err := p.check(i > 0 && last, limit, &seen)
		if err != nil {
			return nil, fmt.Errorf("problem matcher %q, pattern %d: %w", given.Owner, i+1, err)
		}
		m.patterns[i] = checked
	}
	if !seen[propMessage] {
		return nil, fmt.Errorf("problem matcher %q: no pattern says which group is the message", given.Owner)
	}
	return m, nil
}

// check makes a pattern of what is written. seen are the properties of the
// patterns before it.
func (given patternJSON) check(mayLoop bool, limit time.Duration, seen *[propertyCount]bool) (pattern, error) {
	if given.Loop && !mayLoop {
		return pattern{}, errors.New("only the last of several patterns may have loop")
	}
	groups, err := given.groups()
	if err != nil {
		return pattern{}, err
	}
	if given.Loop && !groups[propMessage].given {
		return pattern{}, errors.New("a pattern with loop must say which group is the message")
	}
	regex, err := compile(given.Regexp, limit)
	if err != nil {
		return pattern{}, fmt.Errorf("the regexp cannot be read: %w", err)
	}
	for i, g := range groups {
		if !g.given {
			continue
		}
		if seen[i] {
			return pattern{}, fmt.Errorf("%s is set twice", propertyNames[i])
		}
		if g.number < 0 || g.number >= regex.groups {
			return pattern{}, fmt.Errorf("%s is group %d, but the last group of the regexp is %d", propertyNames[i], g.number, regex.groups-1)
		}
		seen[i] = true
	}
	return pattern{regex: regex, groups: groups, loop: given.Loop}, nil
}

// severity reads a severity. None is an error.
func severity(text string) (Severity, bool) {
	if text == "" {
		return Error, true
	}
	for _, s := range []Severity{Error, Warning, Notice} {
		if strings.EqualFold(text, string(s)) {
			return s, true
		}
	}
	return "", false
}
