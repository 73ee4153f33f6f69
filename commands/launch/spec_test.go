package launch

import (
	"bytes"
	"testing"

	runnerv1 "gitea.dev/actions-proto-go/runner/v1"
	"github.com/google/go-cmp/cmp"

	"multirunner/commands/job"
	"multirunner/commands/supervisor"
	"multirunner/common"
)

func TestAJobProcessGetsTheDockerSettingsAndThePasswordsOfRegistries(t *testing.T) {
	h := newHouse(t)
	defer h.server.Close()
	l, leave := h.open()
	defer leave()
	h.runner.Docker.Image, h.runner.Docker.Memory = "node:22", 1<<30
	h.runner.Docker.Registries = []common.RegistryConfig{{Server: "registry.example.org", Username: "ci", Password: common.NewSecret("pass")}}
	sent, err := l.spec(&build{l: l}, supervisor.StartRequest{Task: &runnerv1.Task{Id: 1}, Runner: h.runner})
	if err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := job.WriteSpec(&wire, sent); err != nil {
		t.Fatal(err)
	}
	got, err := job.ReadSpec(&wire)
	if err != nil {
		t.Fatal(err)
	}
	want := common.DefaultDocker()
	want.Image, want.Memory = "node:22", 1<<30
	if diff := cmp.Diff(want, got.Docker); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]common.JobRegistry{{Server: "registry.example.org", Username: "ci", Password: "pass"}}, got.Registries); diff != "" {
		t.Error(diff)
	}
}
