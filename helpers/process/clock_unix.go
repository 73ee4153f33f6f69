//go:build linux || darwin

package process

import (
	"time"

	"golang.org/x/sys/unix"
)

func readClock(id int32) (time.Duration, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}
