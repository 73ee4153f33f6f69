package common

import (
	"fmt"
	"strings"
)

// GlobalProblem is the Runner of a Problem that concerns no registration.
const GlobalProblem = -1

// Problem is something wrong with a configuration, where it stands and what
// to do. It never holds a secret.
type Problem struct {
	File       string // as it was named; "" for a configuration that is from no file
	Line       int    // 1-based; 0 when it is not known
	Runner     int    // index of the registration; GlobalProblem for none
	Key        string // runners.shell.user, without the index
	Message    string
	Suggestion string // the known key that may be meant
	Warning    bool   // the configuration works as it is
	Unknown    bool   // an unknown key: a warning, but an error where one asks for a check
}

// String gives "config.toml:12: runners.labls: unknown key, did you mean labels?".
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.place())
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	if p.Suggestion != "" {
		fmt.Fprintf(&b, ", did you mean %s?", p.Suggestion)
	}
	return b.String()
}

// place is the key, with the index of the registration where no line tells it.
func (p Problem) place() string {
	if p.Line > 0 || p.Runner < 0 {
		return p.Key
	}
	return runnerPath(p.Runner, p.Key)
}

// runnerPath puts the index into a key of a registration: runners[2].url.
func runnerPath(runner int, key string) string {
	rest, ok := strings.CutPrefix(key, "runners")
	if !ok {
		return key
	}
	return fmt.Sprintf("runners[%d]%s", runner, rest)
}

// Broken tells for each registration whether a problem keeps it from working.
// A problem that is global and no warning is in none of them.
func (c *Config) Broken(problems []Problem) []bool {
	broken := make([]bool, len(c.Runners))
	for _, p := range problems {
		if !p.Warning && p.Runner >= 0 && p.Runner < len(broken) {
			broken[p.Runner] = true
		}
	}
	return broken
}
