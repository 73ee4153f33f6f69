package launch

import (
	"slices"
	"strings"

	"multirunner/common"
)

// ownVariables are those that a job process itself works by: where temporary
// files go, and what the Go runtime looks at.
var ownVariables = []string{
	"TMPDIR", "TEMP", "TMP", "SystemRoot", "GOTRACEBACK", "GODEBUG", "GORACE", "GOCOVERDIR",
}

// processEnvironment is what a job process gets of ours: what its executor
// hands on to jobs, and what it needs itself. The rest (tokens, credentials
// that the service was given) must not even reach the job process, whose
// environment a job that runs as root can read.
func processEnvironment(environ []string, provider common.ExecutorProvider, runner *common.RunnerConfig) []string {
	names := ownVariables
	if provider != nil {
		names = slices.Concat(names, provider.Inherits(runner))
	}
	var kept []string
	for _, pair := range environ {
		if name, _, _ := strings.Cut(pair, "="); slices.Contains(names, name) {
			kept = append(kept, pair)
		}
	}
	return kept
}
