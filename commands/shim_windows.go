package commands

import "errors"

func serveShim() error {
	return errors.New("containers of jobs are Linux ones: this is for the program inside")
}
