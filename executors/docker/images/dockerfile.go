package images

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
)

// base is an image that a Dockerfile begins with.
type base struct {
	name     string
	platform string // "" for the build's
}

// known tells whether the names are whole: without an argument that only the
// builder has.
func (b base) known() bool { return !strings.Contains(b.name+b.platform, "$") }

var (
	fromLine = regexp.MustCompile(`(?i)^\s*FROM\s+(?:--platform=(\S+)\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*$`)
	argLine  = regexp.MustCompile(`(?i)^\s*ARG\s+(\w+)(?:=(\S*))?`)
	variable = regexp.MustCompile(`\$(?:(\w+)|\{(\w+)\})`)
)

// fromImages finds the images that a Dockerfile begins with, as far as they can
// be told without building it, and not other stages. Names made of arguments
// without a default are as they are written.
func fromImages(dockerfile []byte) []base {
	args := map[string]string{}
	stages := map[string]bool{"scratch": true}
	var bases []base
	seen := map[base]bool{}
	begun := false
	lines := bufio.NewScanner(bytes.NewReader(dockerfile))
	lines.Buffer(nil, maxDockerfile+1)
	for lines.Scan() {
		text := lines.Text()
		if m := argLine.FindStringSubmatch(text); m != nil && !begun {
			args[m[1]] = strings.Trim(m[2], `"'`)
			continue
		}
		m := fromLine.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		begun = true
		b := base{name: expand(m[2], args), platform: expand(m[1], args)}
		stage := stages[strings.ToLower(b.name)]
		if m[3] != "" {
			stages[strings.ToLower(m[3])] = true
		}
		if stage || b.name == "" || seen[b] {
			continue
		}
		seen[b] = true
		bases = append(bases, b)
	}
	return bases
}

// expand replaces variables that have a value.
func expand(text string, args map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		if value := args[strings.Trim(v, "${}")]; value != "" {
			return value
		}
		return v
	})
}
