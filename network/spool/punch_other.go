//go:build !linux

package spool

import (
	"errors"
	"os"
)

// Without holes the space of a spool comes back when its job is done.
const holesKnown = false

func punchHole(*os.File, int64, int64) error { return errors.ErrUnsupported }
