package matcher

import (
	"strconv"
	"strings"
	"unicode"
)

// Issue is a problem that a tool has reported.
type Issue struct {
	Owner    string // of the matcher
	Severity Severity
	// File and FromPath are as the tool wrote them. A relative file is relative
	// to the directory of FromPath, which may be empty, as all may but Message.
	File, FromPath string
	Line, Column   int // from 1; 0 when they are not known
	Code           string
	Message        string
	// Text is the line that completed the report, without escape sequences.
	Text string

	ofLast [propertyCount]bool // what Text itself says
}

// issue makes a problem of a match, nil when the message is blank or the
// severity none that there is (GitHub: OutputManager.cs).
func (m *match) issue(of *Matcher, text string) *Issue {
	written := m.texts[propSeverity]
	if written == "" {
		written = of.severity
	}
	severity, ok := severity(written)
	message := m.texts[propMessage]
	if !ok || strings.TrimSpace(message) == "" {
		return nil
	}
	return &Issue{
		Owner: of.owner, Severity: severity,
		File: strings.TrimSpace(m.texts[propFile]), FromPath: strings.TrimSpace(m.texts[propFromPath]),
		Line: number(m.texts[propLine]), Column: number(m.texts[propColumn]),
		Code: strings.TrimSpace(m.texts[propCode]), Message: message,
		Text: text, ofLast: m.ofLast,
	}
}

// number reads digits, 0 for anything else.
func number(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// Row is the problem as text for people, who see no other form of it: the line
// that completed it, behind what only earlier lines say of its place and
// message. So nothing of the tool's output is lost, and the row makes sense by
// itself. A file in the workspace is given relative to it.
func (i *Issue) Row(paths Paths) string {
	var parts []string
	if i.File != "" && !i.ofLast[propFile] {
		parts = append(parts, i.place(paths))
	}
	if !i.ofLast[propMessage] {
		parts = append(parts, strings.TrimSpace(i.Message))
	}
	if len(parts) == 0 {
		return i.Text
	}
	return strings.Join(append(parts, strings.TrimLeftFunc(i.Text, unicode.IsSpace)), ": ")
}

// place is the file with what earlier lines say of the place in it.
func (i *Issue) place(paths Paths) string {
	place := paths.Relative(i.File, i.FromPath)
	if i.Line == 0 || i.ofLast[propLine] {
		return place
	}
	place += ":" + strconv.Itoa(i.Line)
	if i.Column > 0 && !i.ofLast[propColumn] {
		place += ":" + strconv.Itoa(i.Column)
	}
	return place
}
