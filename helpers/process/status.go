package process

// Status is how a process ended.
type Status struct {
	Code   int    // exit code; -1 when a signal ended it
	Signal string // "killed", "terminated", …; empty when it exited by itself
}

// killed is the status of a process that SIGKILL was sent to and that could
// not be waited for.
func killed() Status { return Status{Code: -1, Signal: "killed"} }
