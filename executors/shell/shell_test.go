//go:build unix

package shell

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"multirunner/common"
	"multirunner/executors/contract"
	"multirunner/helpers/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSpec is a job with directories of its own. Others may enter those above:
// jobs of another user must get to theirs.
func newSpec(t *testing.T) *common.JobSpec {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, above := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &common.JobSpec{
		TrackingID: "test-" + strconv.Itoa(os.Getpid()) + "-" + strings.ReplaceAll(t.Name(), "/", "-") + "-" + filepath.Base(dir),
		Shell: common.ShellConfig{
			GracefulKillTimeout: common.Duration(7500 * time.Millisecond),
			ForceKillTimeout:    common.Duration(2500 * time.Millisecond),
		},
		Dirs: common.JobDirs{Build: filepath.Join(dir, "builds", "job"), Tools: filepath.Join(dir, "tools")},
	}
}

// prepared gives a prepared executor and what it logged.
func prepared(t *testing.T, spec *common.JobSpec) (common.Executor, string) {
	t.Helper()
	e, err := NewProvider(nil, Options{}).Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Cleanup(context.Background()); err != nil {
			t.Errorf("Cleanup: %v", err)
		}
	})
	var log strings.Builder
	if err := e.Prepare(t.Context(), &log); err != nil {
		t.Fatal(err)
	}
	return e, log.String()
}

// output runs a script that must succeed in the workspace.
func output(t *testing.T, e common.Executor, script string) string {
	t.Helper()
	var out strings.Builder
	status, err := e.Run(t.Context(), &common.Command{
		Path: "sh", Args: []string{"-ec", script}, Env: e.BaseEnv(), Stdout: &out, Stderr: &out,
	})
	if err != nil || !status.Success() {
		t.Fatalf("%s: %+v, %v, %q", script, status, err, out.String())
	}
	return out.String()
}

func harness(options Options) contract.Harness {
	return contract.Harness{
		Real: true,
		Gone: gone,
		New: func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
			return NewProvider(nil, options), newSpec(t)
		},
		Broken: func(t *testing.T) (common.ExecutorProvider, *common.JobSpec) {
			spec := newSpec(t)
			spec.Workspace = common.Workspace{Mode: common.WorkspaceCopy, Source: spec.Dirs.Build + "-missing"}
			return NewProvider(nil, options), spec
		},
	}
}

func TestContractInAnyProcess(t *testing.T) { contract.Test(t, harness(Options{})) }

func TestAcquireKnowsTheRoomAndTheUser(t *testing.T) {
	dir := t.TempDir()
	p := NewProvider(nil, Options{Builds: filepath.Join(dir, "not", "yet", "there")})
	if _, err := p.Acquire(t.Context(), &common.RunnerConfig{}); err != nil {
		t.Errorf("with room: %v", err)
	}
	p.free = func(asked string) (uint64, error) {
		if asked != dir {
			t.Errorf("asked for the room in %s", asked)
		}
		return 63 << 20, nil
	}
	var noRoom *common.NoRoomError
	if _, err := p.Acquire(t.Context(), &common.RunnerConfig{}); !errors.As(err, &noRoom) || !strings.Contains(err.Error(), "63 MiB") {
		t.Errorf("on a full disk: %v", err)
	}
	runner := &common.RunnerConfig{Shell: common.ShellConfig{User: "no-such-user-here"}}
	_, err := p.Acquire(t.Context(), runner)
	if err == nil || !strings.Contains(err.Error(), "no-such-user-here") {
		t.Errorf("an unknown user: %v", err)
	}
}

func TestATempDirectoryThatTheJobRemovedIsMadeAgain(t *testing.T) {
	for name, script := range map[string]string{
		"removed":              `rm -r "$T"`,
		"removed and replaced": `rm -r "$T"; mkdir "$T"; echo x > "$T/planted"`,
	} {
		t.Run(name, func(t *testing.T) {
			e, _ := prepared(t, newSpec(t))
			if _, err := e.WriteTemp(t.Context(), "dir/first", []byte("first")); err != nil {
				t.Fatal(err)
			}
			output(t, e, "T="+e.Paths().Temp+"; "+script)
			if _, err := e.ReadTemp(t.Context(), "dir/first", 100); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is gone gives %v", err)
			}
			path, err := e.WriteTemp(t.Context(), "dir/second", []byte("second"))
			if err != nil {
				t.Fatal(err)
			}
			if out := output(t, e, "cat "+path); out != "second" {
				t.Errorf("a command reads %q", out)
			}
			if data, err := e.ReadTemp(t.Context(), "dir/second", 100); err != nil || string(data) != "second" {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
	t.Run("not through a link to another place", func(t *testing.T) {
		spec := newSpec(t)
		e, _ := prepared(t, spec)
		other := filepath.Join(filepath.Dir(spec.Dirs.Build), "other")
		output(t, e, "mkdir "+other+"; rm -r "+e.Paths().Temp+"; ln -s ../other "+e.Paths().Temp)
		if path, err := e.WriteTemp(t.Context(), "file", nil); err == nil {
			t.Errorf("wrote %s", path)
		}
		if entries, err := os.ReadDir(other); err != nil || len(entries) > 0 {
			t.Errorf("the other place holds %v, %v", entries, err)
		}
	})
}

func TestCreateRefusesWhatCleanupMustNotRemove(t *testing.T) {
	for _, build := range []string{"", ".", "relative/dir", "/", "//"} {
		spec := &common.JobSpec{Dirs: common.JobDirs{Build: build}}
		if _, err := NewProvider(nil, Options{}).Create(spec); err == nil {
			t.Errorf("takes %q", build)
		}
	}
	spec := newSpec(t)
	spec.Shell.User = "no-such-user-here"
	if _, err := NewProvider(nil, Options{}).Create(spec); err == nil {
		t.Error("takes an unknown user")
	}
	spec = newSpec(t)
	spec.Workspace.Mode = "linked"
	if _, err := NewProvider(nil, Options{}).Create(spec); err == nil {
		t.Error("takes an unknown mode")
	}
}

func TestInPlaceWorksInTheSourceAndKeepsIt(t *testing.T) {
	source := t.TempDir()
	spec := newSpec(t)
	spec.Workspace = common.Workspace{Mode: common.WorkspaceInPlace, Source: source}
	e, _ := prepared(t, spec)
	output(t, e, "echo made > file")
	if err := e.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(source, "file")); err != nil || string(data) != "made\n" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := os.Stat(spec.Dirs.Build); !os.IsNotExist(err) {
		t.Errorf("the build directory is left: %v", err)
	}
}

func TestInPlaceNeedsItsDirectory(t *testing.T) {
	spec := newSpec(t)
	spec.Workspace = common.Workspace{Mode: common.WorkspaceInPlace, Source: "/no/such/directory"}
	e, err := NewProvider(nil, Options{}).Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Prepare(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "/no/such/directory") {
		t.Errorf("got %v", err)
	}
	if err := e.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPrepareRemovesWhatAnEarlierAttemptLeft(t *testing.T) {
	spec := newSpec(t)
	old := filepath.Join(spec.Dirs.Build, "work", "old")
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	e, _ := prepared(t, spec)
	if out := output(t, e, "ls"); out != "" {
		t.Errorf("left: %q", out)
	}
}

func TestCleanupRemovesWhatTheJobClosed(t *testing.T) {
	spec := newSpec(t)
	e, _ := prepared(t, spec)
	output(t, e, "mkdir -p a/b c; echo x > a/b/f; chmod 000 a/b; chmod 500 a; chmod 400 c; ln -s / root")
	if err := e.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spec.Dirs.Build); !os.IsNotExist(err) {
		t.Errorf("the build directory is left: %v", err)
	}
}

func TestJobRunsAsItsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	nobody, err := process.LookupUser("nobody")
	if err != nil {
		t.Skip(err)
	}
	spec := newSpec(t)
	spec.Shell.User = "nobody"
	e, _ := prepared(t, spec)
	script, err := e.WriteTemp(t.Context(), "deep/script.sh", []byte("echo from the script\n"))
	if err != nil {
		t.Fatal(err)
	}
	out := output(t, e, "id -u; echo $USER $LOGNAME; sh "+script+`; echo x > "$HOME/f"; echo made > file; ls -n file | cut -d " " -f 3`)
	uid := strconv.Itoa(int(nobody.UID))
	if want := uid + "\nnobody nobody\nfrom the script\n" + uid + "\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if _, err := e.LookPath(t.Context(), "sh", "/usr/bin:/bin"); err != nil {
		t.Error(err)
	}

	t.Run("and cannot have files read that it could not read itself", func(t *testing.T) {
		secret := filepath.Join(filepath.Dir(spec.Dirs.Build), "secret")
		if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(secret, filepath.Join(e.Paths().Temp, "linked")); err != nil {
			t.Skip(err)
		}
		if data, err := e.ReadTemp(t.Context(), "linked", 100); err == nil {
			t.Errorf("got %q", data)
		}
	})
	t.Run("and finds only what it may execute", func(t *testing.T) {
		tool := filepath.Join(filepath.Dir(spec.Dirs.Build), "tool")
		if err := os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if path, err := e.LookPath(t.Context(), "tool", filepath.Dir(tool)); err == nil {
			t.Errorf("found %s", path)
		}
	})
}

func TestAUserWhoCannotEnterIsToldWhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := process.LookupUser("nobody"); err != nil {
		t.Skip(err)
	}
	spec := newSpec(t)
	spec.Shell.User = "nobody"
	closed := filepath.Dir(filepath.Dir(spec.Dirs.Build))
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := NewProvider(nil, Options{}).Create(spec)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Prepare(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed+":") {
		t.Errorf("got %v", err)
	}
	if err := e.Cleanup(t.Context()); err != nil {
		t.Error(err)
	}
}
