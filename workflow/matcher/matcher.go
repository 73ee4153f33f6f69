package matcher

// Severity is how bad a problem is, as the tags of log rows spell it.
type Severity string

// The severities there are.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Notice  Severity = "notice"
)

// Matcher is one checked entry of a matcher file. It does not change, and is
// safe for concurrent use.
type Matcher struct {
	owner    string
	severity string // when no pattern finds one; "" is error
	patterns []pattern
}

// Owner is the matcher's name. Names ignore case.
func (m *Matcher) Owner() string { return m.owner }

// pattern matches one line of the lines that report a problem.
type pattern struct {
	regex  *regex
	groups [propertyCount]group
	loop   bool // goes on to match lines that follow
}

// property is something that a pattern can tell of a problem.
type property int

const (
	propFile property = iota
	propFromPath
	propLine
	propColumn
	propSeverity
	propCode
	propMessage
	propertyCount
)

// propertyNames are the keys of a pattern.
var propertyNames = [propertyCount]string{"file", "fromPath", "line", "column", "severity", "code", "message"}

// group is the number of a capturing group, and whether there is one.
type group struct {
	number int
	given  bool
}
