package service

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bench is a Systemd over a directory, with a systemctl that notes its calls.
type bench struct {
	*Systemd
	calls []string
	fail  map[string]error  // by verb
	says  map[string]string // by verb
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{fail: map[string]error{}, says: map[string]string{}}
	b.Systemd = &Systemd{Root: t.TempDir(), Systemctl: func(_ context.Context, args ...string) ([]byte, error) {
		b.calls = append(b.calls, strings.Join(args, " "))
		return []byte(b.says[args[0]]), b.fail[args[0]]
	}}
	for _, dir := range []string{"/run/systemd/system", unitDirectory, "/usr/lib/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(b.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) want(t *testing.T, calls ...string) {
	t.Helper()
	if diff := cmp.Diff(calls, b.calls); diff != "" {
		t.Errorf("calls of systemctl (-want +got):\n%s", diff)
	}
	b.calls = nil
}

func (b *bench) install(t *testing.T, spec Spec) {
	t.Helper()
	if outcome, err := b.Install(t.Context(), spec, false); err != nil || outcome != Installed {
		t.Fatalf("got %v, %v", outcome, err)
	}
	b.calls = nil
}

func (b *bench) put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.Root, path), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestInstallWritesAUnitThatReadsBack(t *testing.T) {
	for _, spec := range []Spec{plainSpec(), hostileSpec()} {
		b := newBench(t)
		outcome, err := b.Install(t.Context(), spec, false)
		if err != nil || outcome != Installed {
			t.Fatalf("got %v, %v", outcome, err)
		}
		b.want(t, "daemon-reload", "enable "+spec.Name+".service")
		path := filepath.Join(b.Root, "etc/systemd/system", spec.Name+".service")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		u := parseUnit(t, string(data))
		wantWords(t, u.one(t, "Service", "ExecStart"), true,
			spec.Program, "run", "--config", spec.Config, "--working-directory", spec.StateDir)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("got %v, %v", info.Mode(), err)
		}
		if text, err := b.Text(spec); err != nil || text != string(data) {
			t.Errorf("what is printed is not what is written: %v", err)
		}
	}
}

func TestASecondInstall(t *testing.T) {
	b := newBench(t)
	spec := plainSpec()
	b.install(t, spec)
	if outcome, err := b.Install(t.Context(), spec, false); err != nil || outcome != Unchanged {
		t.Errorf("the same: got %v, %v", outcome, err)
	}
	// What was cut short the first time is done.
	b.want(t, "daemon-reload", "enable runner.service")

	spec.User = "other"
	if _, err := b.Install(t.Context(), spec, false); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("another: got %v", err)
	}
	b.want(t)
	if outcome, err := b.Install(t.Context(), spec, true); err != nil || outcome != Replaced {
		t.Errorf("by force: got %v, %v", outcome, err)
	}
	data, _ := os.ReadFile(b.unitPath("runner"))
	if !strings.Contains(string(data), "\nUser=other\n") {
		t.Errorf("the unit is the old one:\n%s", data)
	}
}

func TestUnitsOfOthersAreLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, b *bench)
		want    string
	}{
		"of a package": {func(t *testing.T, b *bench) { b.put(t, "usr/lib/systemd/system/runner.service", "[Unit]\n") }, "the system has a service runner already"},
		"by hand":      {func(t *testing.T, b *bench) { b.put(t, "etc/systemd/system/runner.service", "[Unit]\n") }, "was not written by runner service install"},
		"masked": {func(t *testing.T, b *bench) {
			if err := os.Symlink("/dev/null", b.unitPath("runner")); err != nil {
				t.Fatal(err)
			}
		}, "masked"},
	} {
		b := newBench(t)
		tt.prepare(t, b)
		for _, force := range []bool{false, true} {
			if _, err := b.Install(t.Context(), plainSpec(), force); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--name") {
				t.Errorf("%s, force %v: got %v", name, force, err)
			}
		}
		b.want(t)
	}
}

func TestWithoutSystemdNothingIsWritten(t *testing.T) {
	b := newBench(t)
	if err := os.RemoveAll(filepath.Join(b.Root, "run")); err != nil {
		t.Fatal(err)
	}
	_, err := b.Install(t.Context(), plainSpec(), false)
	if err == nil || !strings.Contains(err.Error(), "systemd does not run this machine") || !strings.Contains(err.Error(), "--print") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(b.unitPath("runner")); err == nil {
		t.Error("a unit was written")
	}
	if _, err := b.Status(t.Context(), "runner"); err == nil {
		t.Error("a status of nothing")
	}
}

func TestAnInstallThatFailsLeavesWhatWasThere(t *testing.T) {
	b := newBench(t)
	b.fail["enable"] = errors.New("no space")
	if _, err := b.Install(t.Context(), plainSpec(), false); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v", err)
	}
	b.want(t, "daemon-reload", "enable runner.service", "daemon-reload")
	if _, err := os.Stat(b.unitPath("runner")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unit is there: %v", err)
	}

	delete(b.fail, "enable")
	b.install(t, plainSpec())
	before, _ := os.ReadFile(b.unitPath("runner"))
	b.fail["daemon-reload"] = errors.New("no bus")
	other := plainSpec()
	other.User = "other"
	if _, err := b.Install(t.Context(), other, true); err == nil {
		t.Error("no error")
	}
	if after, _ := os.ReadFile(b.unitPath("runner")); string(after) != string(before) {
		t.Errorf("the old unit is not back:\n%s", after)
	}
}

func TestUninstallStopsFirstAndRemovesOnlyOurUnit(t *testing.T) {
	b := newBench(t)
	b.install(t, plainSpec())
	b.fail["reset-failed"] = errors.New("not loaded") // as when it had not failed
	if err := b.Uninstall(t.Context(), "runner"); err != nil {
		t.Fatal(err)
	}
	b.want(t, "stop runner.service", "disable runner.service", "daemon-reload", "reset-failed runner.service")
	var missing *NotInstalledError
	if err := b.Uninstall(t.Context(), "runner"); !errors.As(err, &missing) {
		t.Errorf("twice: got %v", err)
	}

	b.put(t, "etc/systemd/system/runner.service", "[Unit]\n")
	b.calls = nil
	if err := b.Uninstall(t.Context(), "runner"); err == nil || !strings.Contains(err.Error(), "not written by") {
		t.Errorf("of another: got %v", err)
	}
	b.want(t)
}

func TestAServiceThatDoesNotStopIsNotRemoved(t *testing.T) {
	b := newBench(t)
	b.install(t, plainSpec())
	b.fail["stop"] = errors.New("timeout")
	if err := b.Uninstall(t.Context(), "runner"); err == nil {
		t.Error("no error")
	}
	b.want(t, "stop runner.service")
	if _, err := os.Stat(b.unitPath("runner")); err != nil {
		t.Error(err)
	}
}

func TestControl(t *testing.T) {
	b := newBench(t)
	var missing *NotInstalledError
	if err := b.Start(t.Context(), "team-a"); !errors.As(err, &missing) || !strings.Contains(err.Error(), "install --name team-a") {
		t.Errorf("got %v", err)
	}
	b.install(t, plainSpec())
	for _, control := range []func(context.Context, string) error{b.Start, b.Stop, b.Restart} {
		if err := control(t.Context(), "runner"); err != nil {
			t.Error(err)
		}
	}
	b.want(t, "start runner.service", "stop runner.service", "restart runner.service")
	b.fail["start"] = errors.New("see journalctl")
	if err := b.Start(t.Context(), "runner"); err == nil || !strings.Contains(err.Error(), "see journalctl") {
		t.Errorf("got %v", err)
	}
}

func TestStatusIsWhatSystemdShows(t *testing.T) {
	for _, tt := range []struct {
		shown string
		want  Status
	}{
		{`LoadState=loaded
ActiveState=active
StateChangeTimestamp=Tue 2025-11-25 22:46:22 UTC
MainPID=4711
StatusText=2 jobs = 2 of 4 slots
UnitFileState=enabled
NRestarts=3
Result=success
FragmentPath=/etc/systemd/system/runner.service
NeedDaemonReload=yes
`, Status{
			State: Running, Installed: true, Enabled: true, PID: 4711, Since: time.Date(2025, 11, 25, 22, 46, 22, 0, time.UTC),
			Text: "2 jobs = 2 of 4 slots", Restarts: 3, Definition: "/etc/systemd/system/runner.service", Outdated: true,
		}},
		{`LoadState=not-found
ActiveState=inactive
MainPID=0
NRestarts=0
Result=success
StateChangeTimestamp=
UnitFileState=
FragmentPath=
NeedDaemonReload=no
`, Status{State: NotInstalled}},
		{"LoadState=loaded\nActiveState=failed\nResult=watchdog\nUnitFileState=disabled\n", Status{State: Failed, Installed: true, Result: "watchdog"}},
		{"LoadState=loaded\nActiveState=inactive\nStatusText=Stopping\n", Status{State: Stopped, Installed: true}},
		{"LoadState=loaded\nActiveState=activating\n", Status{State: Starting, Installed: true}},
		{"LoadState=loaded\nActiveState=deactivating\nMainPID=5\n", Status{State: Stopping, Installed: true, PID: 5}},
		{"LoadState=loaded\nActiveState=reloading\n", Status{State: Reloading, Installed: true}},
		// Its unit was removed while it runs.
		{"LoadState=not-found\nActiveState=active\nMainPID=5\n", Status{State: Running, PID: 5}},
	} {
		b := newBench(t)
		b.says["show"] = tt.shown
		got, err := b.Status(t.Context(), "runner")
		if err != nil {
			t.Fatal(err)
		}
		tt.want.Name, tt.want.Manager = "runner", "systemd"
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s(-want +got):\n%s", tt.shown, diff)
		}
	}
}
