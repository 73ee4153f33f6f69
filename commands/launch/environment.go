package launch

import (
	"slices"
	"strings"

	"multirunner/common"
)

// ownVariables are those that a job process itself works by: where temporary
// files go, whom it trusts when it fetches actions, and what the Go runtime
// looks at.
var ownVariables = []string{
	"TMPDIR", "TEMP", "TMP", "SystemRoot", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"GOTRACEBACK", "GODEBUG", "GORACE", "GOCOVERDIR",
}

// threads is what keeps a job process small: it mostly waits, and there are as
// many of them as there are slots. One that jobs are to have (pass_environment)
// is theirs.
const threads = "GOMAXPROCS"

// copyVariables are where git looks for the ignore rules of a person whose
// project is copied.
var copyVariables = []string{"HOME", "XDG_CONFIG_HOME"}

// processEnvironment is what a job process gets of ours: what its executor
// hands on to jobs, and what it needs itself. The rest (tokens, credentials
// that the service was given) must not even reach the job process, whose
// environment a job that runs as root can read.
func (l *Launcher) processEnvironment(environ []string, executor string, runner *common.RunnerConfig) []string {
	names := ownVariables
	if l.o.Workspace.Mode == common.WorkspaceCopy {
		names = slices.Concat(names, copyVariables)
	}
	if provider, ok := l.o.Providers[executor]; ok {
		names = slices.Concat(names, provider.Inherits(runner))
	}
	var kept []string
	for _, pair := range environ {
		if name, _, _ := strings.Cut(pair, "="); slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			kept = append(kept, pair)
		}
	}
	if !slices.Contains(names, threads) {
		kept = append(kept, threads+"=1")
	}
	return kept
}
