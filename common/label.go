package common

import (
	"fmt"
	"strings"
)

// Label is a label of a registration: what jobs ask for in runs-on, and where
// such a job runs. It is written name, name:host or name:docker://image.
type Label struct {
	Name   string // what the server is told and compares
	Scheme string // "host", "docker"; "" for a bare label, which runs on the registration's executor
	Arg    string // the image of a docker label
}

// knownSchemes are the schemes that split a label. With any other word after
// the colon the whole text is one opaque bare label, as users of
// "pool:linux" expect (the official runner does the same).
var knownSchemes = map[string]bool{"host": true, "docker": true}

// ParseLabel reads one label.
func ParseLabel(text string) (Label, error) {
	if strings.TrimSpace(text) != text || text == "" {
		return Label{}, fmt.Errorf("label %q: empty, or white space around it", text)
	}
	name, rest, found := strings.Cut(text, ":")
	scheme, arg, _ := strings.Cut(rest, ":")
	if !found || !knownSchemes[scheme] {
		return Label{Name: text}, nil
	}
	if name == "" {
		return Label{}, fmt.Errorf("label %q: no name before the colon", text)
	}
	if scheme == "host" && arg != "" {
		return Label{}, fmt.Errorf("label %q: nothing may follow host", text)
	}
	if scheme == "docker" {
		image, ok := strings.CutPrefix(arg, "//")
		if !ok || image == "" {
			return Label{}, fmt.Errorf("label %q: write %s:docker://IMAGE", text, name)
		}
		arg = image
	}
	return Label{Name: name, Scheme: scheme, Arg: arg}, nil
}

func (l Label) String() string {
	switch l.Scheme {
	case "":
		return l.Name
	case "docker":
		return l.Name + ":docker://" + l.Arg
	}
	return l.Name + ":" + l.Scheme
}
