package commands

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"multirunner/executors/docker/shim"
)

// Shim is `runner shim`, the first process of a job's container, and what
// clean-up containers run. It is no verb for people, and works before anything
// else of the program is set up: each container waits for it. args are those
// behind the verb. It gives the exit status.
func Shim(args []string, stderr io.Writer) int {
	if err := runShim(args); err != nil {
		fmt.Fprintf(stderr, "runner %s: %v\n", shim.Verb, err)
		return 1
	}
	return 0
}

func runShim(args []string) error {
	switch {
	case len(args) == 0:
		return serveShim()
	case args[0] == shim.FlagEmpty && len(args) > 1:
		return shim.Empty(args[1:]...)
	case args[0] == shim.FlagChown && len(args) > 2:
		uid, gid, err := owner(args[1])
		if err != nil {
			return err
		}
		return shim.Chown(uid, gid, args[2:]...)
	}
	return fmt.Errorf("the arguments are none, or %s and directories, or %s, UID:GID and directories", shim.FlagEmpty, shim.FlagChown)
}

// owner reads UID:GID.
func owner(text string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(text, ":")
	const bits = 31
	u, err := strconv.ParseUint(user, 10, bits)
	if err == nil {
		var g uint64
		if g, err = strconv.ParseUint(group, 10, bits); err == nil {
			return int(u), int(g), nil
		}
	}
	return 0, 0, fmt.Errorf("%q is no UID:GID", text)
}
