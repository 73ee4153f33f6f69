package tempdir

import (
	"io/fs"
	"os"

	"multirunner/helpers/process"
)

func own(*os.File, *process.User) error { return nil }

func ownDirectory(*os.Root, string, *process.User) error { return nil }

func trusted(fs.FileInfo, *process.User) bool { return true }

const notBlocking = 0
