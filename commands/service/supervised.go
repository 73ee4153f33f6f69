package service

import "io"

// Request is something that the service manager asks of a running service by
// other means than a signal.
type Request int

const (
	StopRequest     Request = iota // drain, then end
	ShutdownRequest                // the machine goes down: end soon
	ReloadRequest
)

// Supervision is how a service manager and the program speak when not by
// signals and standard error. Its zero value is that of everywhere but under
// the service manager of Windows.
type Supervision struct {
	// Requests is nil when the manager sends signals. When it is not, signals
	// mean other things (a log-off, say) and are not for the program.
	Requests <-chan Request
	// Log takes lines for where the manager keeps logs; nil means standard
	// error.
	Log io.Writer
}
