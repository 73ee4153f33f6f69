package shell

import (
	"io/fs"
	"os"
	"os/exec"
)

// executable finds a program, with the endings of PATHEXT too.
func (e *Executor) executable(path string) (string, bool) {
	found, err := exec.LookPath(path)
	return found, err == nil
}

func (e *Executor) explain(err error, _ string) error { return err }

func (e *Executor) own(*os.Root, string) error { return nil }

func (e *Executor) ownOpen(*os.File) error { return nil }

func (e *Executor) ownDirectory(*os.Root, string) error { return nil }

func (e *Executor) trusted(fs.FileInfo) bool { return true }

const notBlocking = 0
