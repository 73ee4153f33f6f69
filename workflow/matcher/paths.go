package matcher

import (
	"path"
	"strings"
)

// Paths are how the job's system spells paths, which need not be this
// process's.
type Paths struct {
	Workspace string
	Windows   bool
}

// Relative gives a file relative to the workspace, with slashes. A relative one
// is taken to be in the directory of fromPath, else in the workspace. One that
// is outside the workspace stays as it is.
//
// GitHub also leaves out files that do not exist, since its annotations link to
// them; here they are text.
func (p Paths) Relative(file, fromPath string) string {
	full := p.slashed(file)
	if from := p.slashed(fromPath); from != "" && !p.absolute(full) {
		full = path.Join(path.Dir(from), full)
	}
	if relative, ok := p.Below(p.Workspace, full); ok {
		return relative
	}
	return file
}

// Below gives a file relative to a directory that it is below of, with slashes.
// A relative file is one of the workspace.
func (p Paths) Below(dir, file string) (string, bool) {
	file, dir = p.slashed(file), path.Clean(p.slashed(dir))
	if !p.absolute(file) {
		file = path.Join(p.slashed(p.Workspace), file)
	}
	file = path.Clean(file)
	n := len(dir)
	if len(file) <= n+1 || file[n] != '/' || !p.same(file[:n], dir) {
		return "", false
	}
	return file[n+1:], true
}

func (p Paths) slashed(name string) string {
	if p.Windows {
		return strings.ReplaceAll(name, `\`, "/")
	}
	return name
}

// absolute tells whether a path with slashes says all of where it is.
func (p Paths) absolute(name string) bool {
	if !p.Windows {
		return strings.HasPrefix(name, "/")
	}
	return strings.HasPrefix(name, "//") || len(name) > 2 && name[1] == ':' && name[2] == '/'
}

func (p Paths) same(a, b string) bool {
	if p.Windows {
		return strings.EqualFold(a, b)
	}
	return a == b
}
