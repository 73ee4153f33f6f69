package common

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Volume is "source:target[:options]", as container engines write it.
type Volume struct {
	Source  string   // an absolute path of the host, or the name of a volume; "" for an anonymous one
	Target  string   // an absolute path in the container, cleaned
	Options []string // "ro", "z", …
}

// Named tells whether the source is the name of a volume.
func (v Volume) Named() bool { return v.Source != "" && !isHostPath(v.Source) }

var volumeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// ParseVolume reads a volume. What its options may be is for the caller to say.
// The error does not repeat the text.
func ParseVolume(text string) (Volume, error) {
	parts := splitVolume(text)
	var v Volume
	switch len(parts) {
	case 1:
		v.Target = parts[0]
	case 2:
		v.Source, v.Target = parts[0], parts[1]
	case 3:
		v.Source, v.Target, v.Options = parts[0], parts[1], strings.Split(parts[2], ",")
	default:
		return Volume{}, errors.New("has more parts than source:target:options")
	}
	switch {
	case strings.ContainsFunc(text, isControl):
		return Volume{}, errors.New("has control characters")
	case len(parts) > 1 && v.Source == "":
		return Volume{}, errors.New("has no source before the colon")
	case v.Source != "" && !isHostPath(v.Source) && !volumeName.MatchString(v.Source):
		return Volume{}, errors.New("the source is neither an absolute path nor the name of a volume")
	case !path.IsAbs(v.Target):
		return Volume{}, fmt.Errorf("the target %q is not an absolute path", v.Target)
	}
	if v.Target = path.Clean(v.Target); v.Target == "/" {
		return Volume{}, errors.New("the target is all of the container")
	}
	return v, nil
}

// splitVolume splits at colons, but not behind the letter of a drive. In c:/x
// there is none: c is the name of a volume.
func splitVolume(text string) []string {
	drive := ""
	if isDrivePath(text) && strings.ContainsRune(text[2:], ':') {
		drive, text = text[:2], text[2:]
	}
	parts := strings.Split(text, ":")
	parts[0] = drive + parts[0]
	return parts
}

func isHostPath(source string) bool { return path.IsAbs(source) || isDrivePath(source) }

// isDrivePath tells whether a path is like C:\x or C:/x.
func isDrivePath(p string) bool {
	return len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/') &&
		('a' <= p[0]|0x20 && p[0]|0x20 <= 'z')
}
