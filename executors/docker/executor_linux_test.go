package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
)

// lines is a log that can be looked at while it is written.
type lines = dockertest.Lines

// create gives an executor that is cleaned up at the end of the test.
func (w *world) create(spec *common.JobSpec, provider common.ExecutorProvider, asked *common.JobContainers) *Executor {
	w.t.Helper()
	made, err := provider.Create(spec)
	if err != nil {
		w.t.Fatal(err)
	}
	e := made.(*Executor)
	w.t.Cleanup(func() {
		for range 2 { // idempotent
			if err := e.Cleanup(context.Background()); err != nil {
				w.t.Errorf("Cleanup: %v", err)
			}
		}
	})
	if asked != nil {
		if err := e.Require(*asked); err != nil {
			w.t.Fatalf("Require: %v", err)
		}
	}
	return e
}

// prepared gives an executor of a job in an image.
func (w *world) prepared(image string, asked *common.JobContainers, set ...func(*common.JobSpec)) *Executor {
	w.t.Helper()
	spec := w.spec(image)
	for _, f := range set {
		f(spec)
	}
	e := w.create(spec, w.provider, asked)
	var log lines
	if err := e.Prepare(w.t.Context(), &log); err != nil {
		w.t.Fatalf("Prepare: %v\n%s", err, log.String())
	}
	return e
}

// sh runs a script in the job's container and gives its output.
func (w *world) sh(e *Executor, script string) string {
	w.t.Helper()
	var out lines
	status, err := e.Run(w.t.Context(), &common.Command{Path: "sh", Args: []string{"-c", script}, Env: e.BaseEnv(), Stdout: &out, Stderr: &out})
	if err != nil || !status.Success() {
		w.t.Fatalf("%s: %+v, %v\n%s", script, status, err, out.String())
	}
	return out.String()
}

func (w *world) inspect(id string) container.InspectResponse {
	w.t.Helper()
	found, err := w.engine.ContainerInspect(w.t.Context(), id, client.ContainerInspectOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Container
}

func TestServicesAreReadyAndKnownByTheirNames(t *testing.T) {
	w := newWorld(t)
	redis := dockertest.Image(t, w.engine, dockertest.Redis)
	slow := dockertest.Image(t, w.engine, dockertest.SlowStart)
	e := w.prepared(dockertest.Image(t, w.engine, dockertest.Busybox), &common.JobContainers{Services: []common.Container{
		{ID: "cache", Image: redis, Ports: []string{"6379"}, Volumes: []string{"data:/data", "/scratch"}},
		{ID: "slow", Image: slow},
	}})
	running := e.Containers()
	if running.Network == "" || running.Container == "" || running.Arch == "" || len(running.Services) != 2 ||
		running.Services[0].ID != "cache" || running.Services[0].Ports["6379"] == "" || running.Services[1].Container == "" {
		t.Errorf("%+v", running)
	}
	if got := w.sh(e, `printf 'PING\r\n' | nc -w 2 cache 6379`); !strings.Contains(got, "PONG") {
		t.Errorf("the service says %q", got)
	}
	for _, id := range []string{running.Container, running.Services[0].Container} {
		labels := w.inspect(id).Config.Labels
		if labels[labelInstance] != w.instance || labels[labelRegistration] != "uuid" || labels[labelTask] == "" || labels[labelJob] != jobName(e.spec) {
			t.Errorf("labels %v", labels)
		}
	}
}

func TestAFailedPreparationSaysWhyAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	box := dockertest.Image(t, w.engine, dockertest.Busybox)
	for name, test := range map[string]struct {
		image    string
		services []common.Container
		set      func(*common.JobSpec)
		want     string
		row      string
	}{
		"no image": {image: "multirunner-test/none:1", set: func(s *common.JobSpec) { s.Docker.PullPolicy = common.PullPolicy{common.PullNever} }, want: "image of the job's container: .*not on this machine"},
		"no image of a service": {image: box, services: []common.Container{{ID: "db", Image: "multirunner-test/none:1"}},
			set: func(s *common.JobSpec) { s.Docker.PullPolicy = common.PullPolicy{common.PullNever} }, want: "image of the service db"},
		"unhealthy": {image: box, services: []common.Container{{ID: "db", Image: dockertest.Image(t, w.engine, dockertest.Unhealthy)}}, want: "services.db: its health check fails"},
		"crashed before it was healthy": {image: box, services: []common.Container{{ID: "db", Image: dockertest.Image(t, w.engine, dockertest.Crash), Options: "--health-cmd true --health-interval 60s"}},
			want: "services.db: it has ended with exit status 3", row: "db: "},
		"not in time": {image: box, services: []common.Container{{ID: "db", Image: box, Entrypoint: "sleep 100", Options: "--health-cmd 'exit 1' --health-interval 30s"}},
			set: func(s *common.JobSpec) { s.Docker.ServiceReadyTimeout = common.Duration(2 * time.Second) }, want: "not healthy after 2s .*service_ready_timeout"},
		"no such program": {image: box, services: []common.Container{{ID: "db", Image: box, Entrypoint: "/no/such/program"}}, want: "services.db: start the container: .*no such"},
		"a port that is taken": {image: box, services: []common.Container{
			{ID: "one", Image: box, Entrypoint: "sleep 100", Ports: []string{"127.0.0.1:45871:80"}}, {ID: "two", Image: box, Entrypoint: "sleep 100", Ports: []string{"127.0.0.1:45871:80"}}},
			want: "start the container: .*(allocated|in use)"},
	} {
		spec := w.spec(test.image)
		if test.set != nil {
			test.set(spec)
		}
		e := w.create(spec, w.provider, &common.JobContainers{Services: test.services})
		var log lines
		err := e.Prepare(t.Context(), &log)
		if err == nil || !matches(test.want, err.Error()) || !strings.Contains(log.String(), test.row) {
			t.Errorf("%s: got %v, want %q\n%s", name, err, test.want, log.String())
		}
		if err := e.Cleanup(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		dockertest.NothingLeft(t, w.engine, labelInstance+"="+w.instance)
	}
}

func TestACancelledPreparationLeavesNothing(t *testing.T) {
	w := newWorld(t)
	box := dockertest.Image(t, w.engine, dockertest.Busybox)
	for i := range 6 {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("cancelled by the test")
		time.AfterFunc(time.Duration(i)*150*time.Millisecond, func() { cancel(why) })
		e := w.create(w.spec(box), w.provider, &common.JobContainers{Services: []common.Container{
			{ID: "db", Image: box, Entrypoint: "sleep 100", Options: "--health-cmd 'exit 1' --health-interval 30s"}}})
		if err := e.Prepare(ctx, &lines{}); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		if err := e.Cleanup(t.Context()); err != nil {
			t.Error(err)
		}
		dockertest.NothingLeft(t, w.engine, labelInstance+"="+w.instance)
	}
}

func TestAServiceThatEndsUncheckedIsToldOf(t *testing.T) {
	w := newWorld(t)
	e := w.create(w.spec(dockertest.Image(t, w.engine, dockertest.Busybox)), w.provider,
		&common.JobContainers{Services: []common.Container{{ID: "once", Image: dockertest.Image(t, w.engine, dockertest.Crash)}}})
	var log lines
	if err := e.Prepare(t.Context(), &log); err != nil {
		t.Fatal(err)
	}
	// It may still run when it is looked at.
	if text := log.String(); strings.Contains(text, "has ended already") && !strings.Contains(text, "once: ") {
		t.Errorf("log:\n%s", text)
	}
}

func TestAContainerThatGoesTakesTheReasonAlong(t *testing.T) {
	w := newWorld(t)
	box := dockertest.Image(t, w.engine, dockertest.Busybox)
	for name, test := range map[string]struct {
		end  func(id string) error
		want string
	}{
		"removed": {func(id string) error {
			_, err := w.engine.ContainerRemove(t.Context(), id, client.ContainerRemoveOptions{Force: true})
			return err
		}, "somebody has removed it|exit status was 137"},
		"killed": {func(id string) error {
			_, err := w.engine.ContainerKill(t.Context(), id, client.ContainerKillOptions{Signal: "KILL"})
			return err
		}, "the container is gone: .*exit status was 137"},
	} {
		e := w.prepared(box, nil)
		var out lines
		done := make(chan error, 1)
		go func() {
			_, err := e.Run(t.Context(), &common.Command{Path: "sh", Args: []string{"-c", "echo started; sleep 100"}, Env: e.BaseEnv(), Stdout: &out})
			done <- err
		}()
		for !strings.Contains(out.String(), "started") {
			time.Sleep(10 * time.Millisecond)
		}
		if err := test.end(e.Containers().Container); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err == nil || !matches(test.want, err.Error()) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if _, err := e.WriteTemp(t.Context(), "x", nil); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
}

// When the job's process is killed, the engine closes its connection.
func TestAContainerEndsWithItsConnection(t *testing.T) {
	w := newWorld(t)
	e := w.prepared(dockertest.Image(t, w.engine, dockertest.Busybox), nil)
	w.sh(e, "(trap '' HUP INT TERM; sleep 100) > /dev/null 2>&1 &")
	id := e.Containers().Container
	e.client.Close()
	deadline := time.Now().Add(20 * time.Second)
	for w.inspect(id).State.Running {
		if time.Now().After(deadline) {
			t.Fatal("it runs on")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestImagesOfAllKindsWork(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		image string
		asked *common.JobContainers
		run   []string
		want  string
	}{
		"without a shell, a user or a temp directory": {image: dockertest.Image(t, w.engine, dockertest.Empty), run: []string{"/busybox", "echo", "fine"}, want: "fine\n"},
		"with an entry point that fails":              {image: dockertest.Image(t, w.engine, dockertest.FalseEntrypoint), run: []string{"/bin/echo", "fine"}, want: "fine\n"},
		"not as root": {image: dockertest.Image(t, w.engine, dockertest.NonRoot),
			run: []string{"sh", "-c", "id -u; touch f $RUNNER/x $HOME/y && echo written"}, want: "1000\nwritten\n"},
		"with a read-only root": {image: dockertest.Image(t, w.engine, dockertest.Busybox),
			asked: &common.JobContainers{Job: &common.Container{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Options: "--read-only"}},
			run:   []string{"sh", "-c", "touch f && ! touch /bin/f 2>/dev/null && echo read-only"}, want: "read-only\n"},
		"as another user": {image: dockertest.Image(t, w.engine, dockertest.Busybox),
			asked: &common.JobContainers{Job: &common.Container{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Options: "--user 4321:4322"}},
			run:   []string{"sh", "-c", "id -u; id -g; touch f $HOME/f && ls -ln f | cut -d' ' -f1-20 | grep -c 4321"}, want: "4321\n4322\n1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.prepared(test.image, test.asked)
			var out lines
			status, err := e.Run(t.Context(), &common.Command{Path: test.run[0], Args: test.run[1:], Env: append(e.BaseEnv(), "RUNNER="+e.Paths().Temp), Stdout: &out, Stderr: &out})
			if err != nil || !status.Success() || out.String() != test.want {
				t.Errorf("%+v, %v, %q", status, err, out.String())
			}
		})
	}
}

func TestLimitsAndRightsAreThoseOfTheConfiguration(t *testing.T) {
	w := newWorld(t)
	box := dockertest.Image(t, w.engine, dockertest.Busybox)
	e := w.prepared(box, &common.JobContainers{Services: []common.Container{{ID: "s", Image: box, Entrypoint: "sleep 100"}}}, func(s *common.JobSpec) {
		s.Docker.Memory, s.Docker.PidsLimit, s.Docker.ServiceMemory = 256<<20, 200, 64<<20
	})
	job, service := w.inspect(e.Containers().Container).HostConfig, w.inspect(e.Containers().Services[0].Container).HostConfig
	if job.Memory != 256<<20 || job.PidsLimit == nil || *job.PidsLimit != 200 || service.Memory != 64<<20 {
		t.Errorf("job %d, %v, service %d", job.Memory, job.PidsLimit, service.Memory)
	}
	for _, host := range []*container.HostConfig{job, service} {
		if host.Privileged || len(host.Devices) > 0 || !slices.Contains(host.SecurityOpt, "no-new-privileges") && !slices.Contains(host.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("rights: %+v", host)
		}
		for _, bind := range append(host.Binds, fmt.Sprint(host.Mounts)) {
			if strings.Contains(bind, "docker.sock") {
				t.Errorf("the engine's socket is mounted: %s", bind)
			}
		}
	}
}

func TestADirectoryIsShownToTheContainerReadOnly(t *testing.T) {
	w := newWorld(t)
	source := t.TempDir()
	for name, text := range map[string]string{"action.yml": "name: x", "sub/main.js": "main"} {
		os.MkdirAll(filepath.Dir(filepath.Join(source, name)), 0o755)
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("sub/main.js", filepath.Join(source, "link"))
	for _, image := range []dockertest.Name{dockertest.Busybox, dockertest.NonRoot} {
		e := w.prepared(dockertest.Image(t, w.engine, image), nil)
		seen, err := e.Import(t.Context(), source)
		again, againErr := e.Import(t.Context(), source+"/")
		if err != nil || againErr != nil || seen != again {
			t.Fatalf("%s, %v; %s, %v", seen, err, again, againErr)
		}
		if got := w.sh(e, "cd "+seen+" && cat action.yml sub/main.js link && ! echo x 2>/dev/null > new && ! echo x 2>/dev/null > action.yml && echo kept"); got != "name: xmainmainkept\n" {
			t.Errorf("%s: %q", image, got)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(source, "action.yml")); string(data) != "name: x" {
		t.Errorf("it is now %q", data)
	}
}

func TestTheInstancesCertificateIsTrusted(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := w.prepared(dockertest.Image(t, w.engine, dockertest.NonRoot), nil, func(s *common.JobSpec) { s.TLSCAFile = file })
	if got := w.sh(e, `cat "$NODE_EXTRA_CA_CERTS"; grep -c ours "$SSL_CERT_FILE" "$GIT_SSL_CAINFO"`); strings.Count(got, "ours") != 1 || strings.Count(got, ":1\n") != 2 {
		t.Errorf("%q", got)
	}
	var out lines
	status, err := e.RunContainer(t.Context(), &common.ContainerRun{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Entrypoint: "sh",
		Args: []string{"-c", `grep -c ours "$SSL_CERT_FILE"`}, Stdout: &out, Stderr: &out})
	if err != nil || !status.Success() || out.String() != "1\n" {
		t.Errorf("action: %+v, %v, %q", status, err, out.String())
	}
}

func TestOnlyWhatDeadJobsLeftIsSwept(t *testing.T) {
	w := newWorld(t)
	box := dockertest.Image(t, w.engine, dockertest.Busybox)
	asked := &common.JobContainers{Services: []common.Container{{ID: "s", Image: box, Entrypoint: "sleep 100", Volumes: []string{"data:/data"}}}}
	alive, dead := w.prepared(box, asked), w.prepared(box, asked)
	other := *w
	other.instance = w.instance + "-other"
	others := other.prepared(box, asked)
	runners := []*common.RunnerConfig{{Executor: "docker", Docker: common.DefaultDocker()}}
	err := w.provider.Sweep(t.Context(), common.Swept{Instance: w.instance, Runners: runners, Alive: func(job string) bool { return job == jobName(alive.spec) }})
	if err != nil {
		t.Fatal(err)
	}
	if left := dockertest.Left(t, w.engine, labelJob+"="+jobName(dead.spec)); len(left) > 0 {
		// Names of jobs are unique within an instance only.
		for _, one := range left {
			if !strings.Contains(fmt.Sprint(dockertest.Left(t, w.engine, labelInstance+"="+other.instance)), one) {
				t.Errorf("left: %s", one)
			}
		}
	}
	w.sh(alive, "true")
	w.sh(others, "true")
	if n := len(dockertest.Left(t, w.engine, labelInstance+"="+w.instance)); n != 4 {
		t.Errorf("of the living job there are %d things, want 2 containers, a network, a volume", n)
	}
	// The dead one's own end comes too late, and is none the worse.
	if err := dead.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
	if err := others.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
}
