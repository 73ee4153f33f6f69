package docker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
	"multirunner/executors/shell"
	"multirunner/helpers/process"
)

// built is the runner as it is released, below built.dir: containers need a
// static program.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// binary gives the program of containers.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "docker-test-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(built.dir, "runner"), "multirunner")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "runner")
}

// world is what a test needs to make executors over the real engine.
type world struct {
	t        testing.TB
	engine   *client.Client
	provider *Provider
	root     string // of a state directory
	instance string
	next     int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, engine: dockertest.Engine(t), root: t.TempDir()}
	_, own, _ := strings.Cut(dockertest.Label(t), "=")
	w.instance = strings.NewReplacer("/", "-", "_", "-").Replace(own)
	log := logrus.New()
	log.SetOutput(t.Output())
	host := shell.NewProvider(log, shell.Options{Builds: filepath.Join(w.root, "builds"), Family: process.NewFamily()})
	w.provider = NewProvider(log, Options{Host: host, Binary: binary(t)})
	t.Cleanup(func() {
		if err := w.provider.Close(); err != nil {
			t.Error(err)
		}
		dockertest.NothingLeft(t, w.engine, labelInstance+"="+w.instance)
		dockertest.Remove(t, w.engine, labelInstance+"="+w.instance)
		if left, err := os.ReadDir(filepath.Join(w.root, "builds")); err == nil && len(left) > 0 {
			t.Errorf("left: %v", left)
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return w
}

// spec is that of a job in an image.
func (w *world) spec(image string) *common.JobSpec {
	w.next++
	name := fmt.Sprintf("0123456789ab-%d", w.next)
	config := common.DefaultDocker()
	config.PullPolicy = common.PullPolicy{common.PullIfNotPresent}
	return &common.JobSpec{
		Instance: w.instance, UUID: "uuid", TrackingID: "track-" + name, Label: "box", LabelArg: image, Docker: config,
		Dirs: common.JobDirs{
			Job: filepath.Join(w.root, "jobs", name), Build: filepath.Join(w.root, "builds", name),
			Actions: filepath.Join(w.root, "actions"), Tools: filepath.Join(w.root, "tools"),
		},
	}
}
