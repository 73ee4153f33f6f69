package dockertest

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a container to its end and gives its exit status and output.
func run(t *testing.T, engine *client.Client, ref string, cmd ...string) (int64, string) {
	t.Helper()
	label := Label(t)
	defer NothingLeft(t, engine, label)
	defer Remove(t, engine, label)
	key, value, _ := strings.Cut(label, "=")
	made, err := engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: ref, Cmd: cmd, Labels: map[string]string{key: value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wait := engine.ContainerWait(t.Context(), made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := engine.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatal(err)
	}
	var status int64
	select {
	case err := <-wait.Error:
		t.Fatal(err)
	case end := <-wait.Result:
		status = end.StatusCode
	}
	logs, err := engine.ContainerLogs(t.Context(), made.ID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, logs); err != nil {
		t.Fatal(err)
	}
	return status, out.String()
}

// The Makefile shows what this one says when there is no engine.
func TestAnEngineAnswers(t *testing.T) {
	Engine(t)
}

func TestImagesAreWhatTheirNamesSay(t *testing.T) {
	for _, tt := range []struct {
		image  Name
		cmd    []string
		status int64
		out    string
	}{
		{Busybox, []string{"sh", "-c", "id -un; pwd; type bash 2>&1 || echo no bash"}, 0, "root\n/\nbash: not found\nno bash\n"},
		{Bash, []string{"bash", "-c", "set -o pipefail; echo ${BASH_VERSION%%.*}; type node 2>&1"}, 1, "5\nbash: line 1: type: node: not found\n"},
		{Node, []string{"node", "-e", "console.log(6*7)"}, 0, "42\n"},
		{Node, []string{"sh", "-c", "type bash 2>&1"}, 127, "bash: not found\n"},
		{Actions, []string{"bash", "-c", "git init -q /tmp/a && git -C /tmp/a rev-parse --is-inside-work-tree && node -p 1"}, 0, "true\n1\n"},
		{Actions, []string{"bash", "-c", "git ls-remote http://127.0.0.1:9/x 2>&1 | grep -o 'unable to access'"}, 0, "unable to access\n"},
		{NonRoot, []string{"sh", "-c", "id -un; id -g; pwd; touch $HOME/a && echo wrote"}, 0, "app\n1000\n/home/app\nwrote\n"},
		{Empty, nil, 0, "hello\n"},
		{Empty, []string{"ls", "/tmp"}, 1, "ls: /tmp: No such file or directory\n"},
		{FalseEntrypoint, []string{"sh", "-c", "echo not run"}, 1, ""},
		{Crash, nil, 3, "no configuration found\n"},
	} {
		t.Run(string(tt.image), func(t *testing.T) {
			engine := Engine(t)
			status, out := run(t, engine, Image(t, engine, tt.image), tt.cmd...)
			if status != tt.status || out != tt.out {
				t.Errorf("exit status %d, output %q; want %d, %q", status, out, tt.status, tt.out)
			}
		})
	}
}

func TestServicesReportTheirHealth(t *testing.T) {
	for image, want := range map[Name]container.HealthStatus{
		Redis: container.Healthy, Unhealthy: container.Unhealthy, SlowStart: container.Healthy,
	} {
		t.Run(string(image), func(t *testing.T) {
			engine := Engine(t)
			label := Label(t)
			defer NothingLeft(t, engine, label)
			defer Remove(t, engine, label)
			key, value, _ := strings.Cut(label, "=")
			made, err := engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{
				Config: &container.Config{Image: Image(t, engine, image), Labels: map[string]string{key: value}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := engine.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			for tick := time.Tick(50 * time.Millisecond); ; <-tick {
				seen, err := engine.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if health := seen.Container.State.Health; health != nil && health.Status == want {
					return
				} else if health != nil && health.Status != container.Starting {
					t.Fatalf("it is %s, want %s", health.Status, want)
				}
			}
		})
	}
}

func TestTheSameImageIsMadeOnce(t *testing.T) {
	engine := Engine(t)
	first, second := Image(t, engine, Busybox), Image(t, engine, Busybox)
	if first != second {
		t.Errorf("%s and %s", first, second)
	}
	other := Custom(t, engine, Busybox, map[string]string{"/etc/motd": "hello"}, nil)
	if other == first {
		t.Errorf("an image with another file has the same name %s", other)
	}
	if _, out := run(t, engine, other, "cat", "/etc/motd"); out != "hello" {
		t.Errorf("the file holds %q", out)
	}
}

func TestWhatIsLeftIsNamed(t *testing.T) {
	engine := Engine(t)
	label := Label(t)
	defer Remove(t, engine, label)
	key, value, _ := strings.Cut(label, "=")
	labels := map[string]string{key: value}
	name := "multirunner-test-left-" + value[strings.LastIndex(value, "-")+1:]
	if _, err := engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: Image(t, engine, Busybox), Labels: labels},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.VolumeCreate(t.Context(), client.VolumeCreateOptions{Name: name, Labels: labels}); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Labels: labels}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(Left(t, engine, label), "; ")
	want := "container " + name + " (created); network " + name + "; volume " + name
	if got != want {
		t.Errorf("left %q, want %q", got, want)
	}
	Remove(t, engine, label)
	NothingLeft(t, engine, label)
}

func TestARegistryTakesAndGivesImages(t *testing.T) {
	for _, private := range []bool{false, true} {
		engine := Engine(t)
		registry := NewRegistry(t, private)
		image := Custom(t, engine, Busybox, map[string]string{"/etc/motd": t.Name()}, nil)
		ref, digest := registry.Push(t, engine, image, "team/tool:1")
		if !strings.HasPrefix(digest, "sha256:") {
			t.Errorf("digest %q", digest)
		}
		if _, err := engine.ImageInspect(t.Context(), ref); err == nil {
			t.Errorf("the engine has %s already", ref)
		}
		pulled, err := engine.ImagePull(t.Context(), ref, client.ImagePullOptions{})
		if err == nil {
			err = pulled.Wait(t.Context())
			pulled.Close()
		}
		if private != (err != nil) {
			t.Errorf("private %t: a pull without credentials gives %v", private, err)
		}
		Forget(t, engine, ref)
	}
}
