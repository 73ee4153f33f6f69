// Package lookpath finds programs along a PATH.
package lookpath

import (
	"os/exec"
	"path/filepath"
)

// Find gives the path of a program. A bare name is looked up along list; empty
// and relative entries of it are passed over: what lies in the directory that a
// command happens to start in is not a program of the machine. Any other name
// is a path, for which absolute gives the absolute one. executable tells
// whether a path is a program, and its full path. The error of a missing
// program is exec.ErrNotFound.
func Find(name, list string, absolute func(path string) string, executable func(path string) (string, bool)) (string, error) {
	if name == "" {
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	if filepath.Base(name) != name {
		if found, ok := executable(absolute(name)); ok {
			return found, nil
		}
		return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
	}
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, ok := executable(filepath.Join(dir, name)); ok {
			return found, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}
