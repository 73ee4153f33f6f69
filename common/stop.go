package common

// StopReason says why a job is told to stop. The stronger one wins.
type StopReason string

const (
	// StopServer: the server cancelled the job. always() and post steps run.
	StopServer StopReason = "server"
	// StopShutdown: the runner leaves. Later steps are skipped, the result is failure.
	StopShutdown StopReason = "shutdown"
	// StopKill: end everything now; the executor's clean-up still runs.
	StopKill StopReason = "kill"
)

func (r StopReason) strength() int {
	switch r {
	case StopServer:
		return 1
	case StopShutdown:
		return 2
	case StopKill:
		return 3
	}
	return 0
}

// Overrides tells whether r changes anything after other.
func (r StopReason) Overrides(other StopReason) bool { return r.strength() > other.strength() }
