package docker

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/executors/docker/dockertest"
)

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

// beside gives a prepared executor of a job on the host.
func (w *world) beside(set ...func(*common.JobSpec)) *Executor {
	w.t.Helper()
	spec := w.spec("")
	for _, f := range set {
		f(spec)
	}
	e := w.create(spec, w.provider.Beside(), nil)
	if err := e.Prepare(w.t.Context(), &lines{}); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func TestADockerActionOfAJobOnTheHost(t *testing.T) {
	w := newWorld(t)
	e := w.beside()
	if err := os.WriteFile(filepath.Join(e.Paths().Workspace, "in"), []byte("from the job"), 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := e.WriteTemp(t.Context(), commandsDir+"/output", nil)
	if err != nil {
		t.Fatal(err)
	}
	image, err := e.PrepareImage(t.Context(), common.ActionImage{Image: dockertest.Image(t, w.engine, dockertest.Busybox)}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr lines
	status, err := e.RunContainer(t.Context(), &common.ContainerRun{
		Image: image, Entrypoint: "sh", Args: []string{"-c", `pwd; cat in; echo " $HOME $TEMP_DIR $PLAIN"; echo x=1 >> "$OUT"; echo made > out; echo wrong >&2; exit 3`},
		Env:    []string{"OUT=" + file, "HOME=" + e.Paths().Home, "TEMP_DIR=" + e.Paths().Temp, "PLAIN=a=b"},
		Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil || status.Code != 3 || stdout.String() != "/github/workspace\nfrom the job /github/home /github/runner_temp a=b\n" || stderr.String() != "wrong\n" {
		t.Errorf("%+v, %v, %q, %q", status, err, stdout.String(), stderr.String())
	}
	if data, err := e.ReadTemp(t.Context(), commandsDir+"/output", 100); err != nil || string(data) != "x=1\n" {
		t.Errorf("what it told: %q, %v", data, err)
	}
	if data, err := os.ReadFile(filepath.Join(e.Paths().Workspace, "out")); err != nil || string(data) != "made\n" {
		t.Errorf("what it made: %q, %v", data, err)
	}
	if got := e.JobPath("/github/workspace/dir/f"); got != filepath.Join(e.Paths().Workspace, "dir/f") {
		t.Errorf("a path that it told is %s", got)
	}
	if e.Host() != nil || e.Containers().Container != "" {
		t.Error("it says that commands run in a container")
	}
	dockertest.NothingLeft(t, w.engine, labelInstance+"="+w.instance)
}

func TestADockerActionIsEndedGentlyAndThenNot(t *testing.T) {
	w := newWorld(t)
	e := w.beside(func(s *common.JobSpec) {
		s.Shell.GracefulKillTimeout, s.Shell.ForceKillTimeout = common.Duration(500*time.Millisecond), common.Duration(500*time.Millisecond)
	})
	image := dockertest.Image(t, w.engine, dockertest.Busybox)
	for name, test := range map[string]struct {
		script string
		end    func(cancel context.CancelCauseFunc, kill chan struct{})
		want   string
		signal string
	}{
		"that obeys": {`trap 'echo stopping; exit 5' INT; echo started; while :; do sleep 0.1; done`,
			func(cancel context.CancelCauseFunc, _ chan struct{}) { cancel(nil) }, "started\nstopping\n", ""},
		"that obeys the second": {`trap '' INT; trap 'echo second; exit 5' TERM; echo started; while :; do sleep 0.1; done`,
			func(cancel context.CancelCauseFunc, _ chan struct{}) { cancel(nil) }, "started\nsecond\n", ""},
		"that obeys nothing": {`trap '' INT TERM; echo started; while :; do sleep 0.1; done`,
			func(cancel context.CancelCauseFunc, _ chan struct{}) { cancel(nil) }, "started\n", "killed"},
		"at once": {`trap 'echo never' INT TERM; echo started; while :; do sleep 0.1; done`,
			func(cancel context.CancelCauseFunc, _ chan struct{}) { cancel(common.ErrKill) }, "started\n", "killed"},
		"in a hurry": {`trap '' INT TERM; echo started; while :; do sleep 0.1; done`,
			func(cancel context.CancelCauseFunc, kill chan struct{}) { close(kill); cancel(nil) }, "started\n", "killed"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		kill := make(chan struct{})
		var out lines
		go func() {
			for !strings.Contains(out.String(), "started") && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			test.end(cancel, kill)
		}()
		status, err := e.RunContainer(ctx, &common.ContainerRun{Image: image, Entrypoint: "sh", Args: []string{"-c", test.script}, Stdout: &out, Kill: kill})
		if err != nil || status.Signal != test.signal || out.String() != test.want || test.signal == "" && status.Code != 5 {
			t.Errorf("%s: %+v, %v, %q", name, status, err, out.String())
		}
		cancel(nil)
		dockertest.NothingLeft(t, w.engine, labelInstance+"="+w.instance)
	}
}

func TestADockerActionThatCannotStart(t *testing.T) {
	w := newWorld(t)
	e := w.beside()
	_, err := e.RunContainer(t.Context(), &common.ContainerRun{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Entrypoint: "/no/such/program"})
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	status, err := e.RunContainer(ctx, &common.ContainerRun{Image: dockertest.Image(t, w.engine, dockertest.Busybox)})
	if err != nil || status.Code != -1 {
		t.Errorf("cancelled before: %+v, %v", status, err)
	}
}

func TestAnActionsDockerfileIsBuiltAndRun(t *testing.T) {
	w := newWorld(t)
	e := w.beside(func(s *common.JobSpec) { s.Docker.PullPolicy = common.PullPolicy{common.PullNever} })
	dir := t.TempDir()
	text := "FROM " + dockertest.Image(t, w.engine, dockertest.Busybox) + "\nCOPY run.sh /run.sh\nENTRYPOINT [\"sh\", \"/run.sh\"]\nCMD [\"default\"]\n"
	for name, text := range map[string]string{"Dockerfile": text, "run.sh": "echo $0 $@ $FLAG"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image, err := e.PrepareImage(t.Context(), common.ActionImage{Dir: dir, Root: dir, Dockerfile: "Dockerfile"}, &lines{})
	if err != nil {
		t.Fatal(err)
	}
	defer dockertest.Forget(t, w.engine, image)
	for want, args := range map[string][]string{"/run.sh default on\n": nil, "/run.sh a b c on\n": {"a", "b c"}, "/run.sh on\n": {}} {
		var out lines
		status, err := e.RunContainer(t.Context(), &common.ContainerRun{Image: image, Args: args, Env: []string{"FLAG=on"}, Stdout: &out, Stderr: &out})
		if args != nil && len(args) == 0 {
			want = "/run.sh default on\n" // engines take no arguments for none given
		}
		if err != nil || !status.Success() || out.String() != want {
			t.Errorf("%q: %+v, %v, %q", args, status, err, out.String())
		}
	}
}

func TestAJobMayNotReplaceTheDirectoriesOfItsActions(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{inStepDir, "work", "temp", "home"} {
		e := w.beside()
		path := filepath.Join(e.spec.Dirs.Build, name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/etc", path); err != nil {
			t.Fatal(err)
		}
		var out lines
		if _, err := e.RunContainer(t.Context(), &common.ContainerRun{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Entrypoint: "sh", Args: []string{"-c", "ls /github/workspace"}, Stdout: &out}); err == nil {
			t.Errorf("%s: it ran: %s", name, out.String())
		}
	}
}

func TestADockerActionIsInTheNetworkThatTheOperatorNames(t *testing.T) {
	w := newWorld(t)
	e := w.beside(func(s *common.JobSpec) { s.Docker.NetworkMode = "none" })
	var out lines
	status, err := e.RunContainer(t.Context(), &common.ContainerRun{Image: dockertest.Image(t, w.engine, dockertest.Busybox), Entrypoint: "sh",
		Args: []string{"-c", "ls /sys/class/net"}, Stdout: &out, Stderr: &out})
	if err != nil || !status.Success() || out.String() != "lo\n" {
		t.Errorf("%+v, %v, %q", status, err, out.String())
	}
}
