package lookpath

import "os/exec"

// Executable finds a program, with the endings of PATHEXT too.
func Executable(path string) (string, bool) {
	found, err := exec.LookPath(path)
	return found, err == nil
}
