package dummy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
	"multirunner/executors/contract"
)

var (
	_ common.ContainerExecutor = (*ContainerExecutor)(nil)
	_ common.Importer          = (*ContainerExecutor)(nil)
)

func TestContractWithAnEngine(t *testing.T) {
	job := func(script Script) func(*testing.T) (common.ExecutorProvider, *common.JobSpec) {
		return func(*testing.T) (common.ExecutorProvider, *common.JobSpec) {
			return NewProvider(script), &common.JobSpec{TrackingID: "job"}
		}
	}
	contract.Test(t, contract.Harness{
		New:    job(Script{Engine: &Engine{}}),
		Broken: job(Script{Engine: &Engine{}, Prepare: func(context.Context, io.Writer) error { return errors.New("broken") }}),
	})
}

// contained gives a prepared executor whose engine was asked for something.
func contained(t *testing.T, engine Engine, asked common.JobContainers) (*Provider, *ContainerExecutor) {
	t.Helper()
	p := NewProvider(Script{Engine: &engine})
	made, err := p.Create(&common.JobSpec{TrackingID: "job"})
	if err != nil {
		t.Fatal(err)
	}
	e := made.(*ContainerExecutor)
	if err := e.Require(asked); err != nil {
		t.Fatal(err)
	}
	if err := e.Prepare(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Cleanup(context.Background()) })
	return p, e
}

func TestAContainerHasItsOwnNamesForTheJobsFiles(t *testing.T) {
	_, e := contained(t, Engine{}, common.JobContainers{Job: &common.Container{Image: "x"}})
	at, err := e.WriteTemp(t.Context(), "_runner_file_commands/out", nil)
	if err != nil || at != "/__w/_temp/_runner_file_commands/out" {
		t.Fatalf("the file is %s, %v", at, err)
	}
	var out bytes.Buffer
	status, err := e.RunContainer(t.Context(), &common.ContainerRun{
		Image: "tool", Entrypoint: "sh", Args: []string{"-c", "echo $FILE; echo x=1 >> $FILE; echo $HERE $OTHER"},
		Env: []string{"FILE=" + at, "HERE=" + e.Paths().Workspace, "OTHER=/__worse"}, Stdout: &out, Stderr: &out,
	})
	if err != nil || !status.Success() {
		t.Fatal(status, err)
	}
	if want := "/github/file_commands/out\n/github/workspace /__worse\n"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
	if data, err := e.ReadTemp(t.Context(), "_runner_file_commands/out", 100); string(data) != "x=1\n" || err != nil {
		t.Errorf("it wrote %q, %v", data, err)
	}
	if got := e.JobPath("/github/workspace/a"); got != "/__w/work/work/a" {
		t.Errorf("a file of the workspace is %s", got)
	}
	first, _ := e.Import(t.Context(), "/actions/a")
	again, _ := e.Import(t.Context(), "/actions/a")
	if first != "/__a/1" || again != first || e.Real("/__a/1/x.js") != "/actions/a/x.js" {
		t.Errorf("imported as %s and %s", first, again)
	}
}

func TestWhatAContainerRuns(t *testing.T) {
	p, e := contained(t, Engine{Images: map[string]string{"own": "echo own $DUMMY_ARGS"}}, common.JobContainers{})
	for _, test := range []struct {
		run  common.ContainerRun
		want string
	}{
		{common.ContainerRun{Image: "x", Args: []string{"echo", "a  b", "it's"}}, "a  b it's\n"},
		{common.ContainerRun{Image: "x", Entrypoint: "/bin/echo", Args: []string{"a"}}, "a\n"},
		{common.ContainerRun{Image: "own", Args: []string{"a", "b"}}, "own a b\n"},
		{common.ContainerRun{Image: "own", Entrypoint: "echo", Args: []string{"a"}}, "a\n"},
		{common.ContainerRun{Image: "x", Entrypoint: "sh", Args: []string{"-c", "echo $HOME & wait"}, Env: []string{"HOME=" + e.Paths().Home}}, "/github/home\n"},
	} {
		var out bytes.Buffer
		test.run.Stdout, test.run.Stderr = &out, &out
		if status, err := e.RunContainer(t.Context(), &test.run); err != nil || !status.Success() || out.String() != test.want {
			t.Errorf("%v says %q (%v, %v), want %q", test.run, out.String(), status, err, test.want)
		}
	}
	if got := strings.Join(p.Methods("job")[:3], " "); got != "Create Require Prepare" {
		t.Errorf("calls: %s", got)
	}
}

func TestContainersThatAreMadeUp(t *testing.T) {
	_, e := contained(t, Engine{}, common.JobContainers{Services: []common.Container{{ID: "db", Ports: []string{"5432", "8080:80/tcp"}}}})
	want := common.RunningContainers{Network: "network-1", Services: []common.RunningService{
		{ID: "db", Container: "service-db", Ports: map[string]string{"5432": "32768", "80": "8080"}},
	}}
	if diff := cmp.Diff(want, e.Containers()); diff != "" {
		t.Error(diff)
	}
	if err := e.Require(common.JobContainers{}); err == nil {
		t.Error("Require was called twice")
	}
}
