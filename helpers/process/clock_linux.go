package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is the time since some moment of this boot, the same for all processes
// of the machine, by the clock that Go's timers go by: nobody sets it, and it
// stands still while the machine sleeps. ok is false where there is none.
func Clock() (since time.Duration, ok bool) { return readClock(unix.CLOCK_MONOTONIC) }
