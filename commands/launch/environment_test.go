package launch

import (
	"slices"
	"testing"

	"multirunner/common"
	"multirunner/executors/shell"
)

func TestAJobProcessHasOneThreadUnlessTheVariableIsForJobs(t *testing.T) {
	l := &Launcher{o: Options{Providers: common.Providers{"shell": shell.NewProvider(nil, shell.Options{})}}}
	runner := common.DefaultRunner()
	environ := []string{"GOMAXPROCS=8", "PATH=/bin", "TOKEN=secret"}
	got := l.processEnvironment(environ, "shell", runner)
	if want := []string{"PATH=/bin", "GOMAXPROCS=1"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	runner.Shell.PassEnvironment = []string{"GOMAXPROCS"}
	got = l.processEnvironment(environ, "shell", runner)
	if want := []string{"GOMAXPROCS=8", "PATH=/bin"}; !slices.Equal(got, want) {
		t.Errorf("for jobs: %q, not %q", got, want)
	}
}
