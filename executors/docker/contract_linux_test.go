package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/client"

	"multirunner/common"
	"multirunner/executors/contract"
	"multirunner/executors/docker/dockertest"
)

// The contract holds in images of all kinds.
func TestContract(t *testing.T) {
	for name, in := range map[string]struct {
		image func(t *testing.T, engine *client.Client) string
		set   func(*common.JobSpec)
	}{
		"no bash": {image: func(t *testing.T, engine *client.Client) string {
			return dockertest.Image(t, engine, dockertest.Busybox)
		}},
		"not root, odd entrypoint": {image: func(t *testing.T, engine *client.Client) string {
			return dockertest.Custom(t, engine, dockertest.NonRoot, nil, func(c *dockerspec.DockerOCIImageConfig) {
				c.Entrypoint, c.Cmd = []string{"/bin/false"}, []string{"x"}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			image := in.image(t, w.engine)
			contract.Test(t, contract.Harness{
				Real: true,
				New: func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
					return w.provider, w.spec(image)
				},
				Broken: func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
					spec := w.spec("multirunner-test/there-is-no-such-image:1")
					spec.Docker.PullPolicy = common.PullPolicy{common.PullNever}
					return w.provider, spec
				},
				Gone: w.gone,
			})
		})
	}
}

// gone tells whether no container of the test has a process that it numbers
// so.
func (w *world) gone(t *testing.T, pid string) bool {
	t.Helper()
	containers, err := w.engine.ContainerList(t.Context(), client.ContainerListOptions{Filters: ofInstance(w.instance)})
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		group, _ := os.ReadFile(name + "/cgroup")
		status, _ := os.ReadFile(name + "/status")
		for _, c := range containers.Items {
			if strings.Contains(string(group), c.ID) && numbered(string(status), pid) {
				return false
			}
		}
	}
	return true
}

// numbered tells whether a process lives and is called pid in its innermost
// namespace.
func numbered(status, pid string) bool {
	state, numbers := "", []string(nil)
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "State":
			state = strings.TrimSpace(value)
		case "NSpid":
			numbers = strings.Fields(value)
		}
	}
	return len(numbers) > 1 && numbers[len(numbers)-1] == pid && !strings.HasPrefix(state, "Z")
}
