package process

// Alive tells whether the process with that number and start time runs. A
// zombie does not. Across reboots compare BootID too.
func Alive(pid int, start uint64) bool {
	now, err := liveStart(pid)
	return err == nil && now == start
}

// Kill ends the process with that number and start time at once. It never
// touches another one that has the number now; one that is gone is no error.
func Kill(pid int, start uint64) error { return killExactly(pid, start) }
