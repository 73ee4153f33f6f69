package commands

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/commands/service"
)

// machine is a place to install services on that is not the real one.
type machine struct {
	*world
	t       *testing.T
	root    string
	host    service.Host
	calls   []string
	says    map[string]string // by verb of systemctl
	fail    map[string]error
	config  string
	state   string
	account string
}

const serviceConfig = `[[runners]]
name = "a"
url = "https://git.example.org"
uuid = "uuid-a"
token = "secret-a"
labels = ["linux:host"]
`

func newMachine(t *testing.T, config string) *machine {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		world: newWorld(t), t: t, root: t.TempDir(), says: map[string]string{}, fail: map[string]error{},
		config: tomlFile(t, config), account: me.Username,
	}
	m.state = filepath.Join(m.root, "var/lib/runner")
	program := filepath.Join(m.root, "usr/bin/runner")
	for _, dir := range []string{"run/systemd/system", "etc/systemd/system", "etc/default", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.host = service.Host{
		Manager: &service.Systemd{Root: m.root, Systemctl: func(_ context.Context, args ...string) ([]byte, error) {
			m.calls = append(m.calls, strings.Join(args, " "))
			return []byte(m.says[args[0]]), m.fail[args[0]]
		}},
		Privileged: true, Program: program,
		DefaultStateDir: func(name string) string { return filepath.Join(m.root, "var/lib", name) },
	}
	return m
}

// do runs `runner service` and gives its exit status.
func (m *machine) do(args ...string) int {
	m.stdout.Reset()
	m.stderr.Reset()
	m.calls = nil
	app := NewApp(m.env, ServiceCommand(m.env, m.host))
	return ExitCode(m.env, app.Run(append([]string{"runner", "service"}, args...)))
}

func (m *machine) ok(args ...string) {
	m.t.Helper()
	if code := m.do(args...); code != 0 {
		m.t.Fatalf("runner service %q: exit %d\n%s%s", args, code, m.stdout.String(), m.stderr.String())
	}
}

// refuses wants an install that fails with the texts and changes nothing.
func (m *machine) refuses(args []string, want ...string) {
	m.t.Helper()
	if code := m.do(append([]string{"install", "-c", m.config}, args...)...); code != 1 {
		m.t.Errorf("install %q: exit %d\n%s", args, code, m.stdout.String())
	}
	contains(m.t, m.stderr.String(), want...)
	if len(m.calls) > 0 {
		m.t.Errorf("systemctl was called: %q", m.calls)
	}
	if units, _ := os.ReadDir(filepath.Join(m.root, "etc/systemd/system")); len(units) > 0 {
		m.t.Errorf("a unit was written: %v", units)
	}
	if _, err := os.Stat(m.state); err == nil {
		m.t.Error("the state directory was made")
	}
}

func (m *machine) unit(name string) string {
	m.t.Helper()
	return content(m.t, filepath.Join(m.root, "etc/systemd/system", name+".service"))
}

func TestServiceInstall(t *testing.T) {
	m := newMachine(t, serviceConfig)
	m.ok("install", "-c", m.config, "--user", m.account)
	contains(t, m.stdout.String(), "Installed the service runner", " as "+m.account, "Start it: runner service start\n")
	if diff := cmp.Diff([]string{"daemon-reload", "enable runner.service"}, m.calls); diff != "" {
		t.Error(diff)
	}
	contains(t, m.unit("runner"), "\nUser="+m.account+"\n",
		`ExecStart="`+m.host.Program+`" run --config "`+m.config+`" --working-directory "`+m.state+`"`+"\n")
	if info, err := os.Stat(m.state); err != nil || info.Mode() != os.ModeDir|0o700 {
		t.Errorf("state directory: %v, %v", info, err)
	}
	if strings.Contains(m.unit("runner")+m.stdout.String()+m.stderr.String(), "secret-a") {
		t.Error("a token is shown")
	}

	m.ok("install", "-c", m.config, "--user", m.account)
	contains(t, m.stdout.String(), "installed like this already")
	other := filepath.Join(m.root, "other state")
	if code := m.do("install", "-c", m.config, "--user", m.account, "--working-directory", other); code != 1 {
		t.Errorf("exit %d", code)
	}
	contains(t, m.stderr.String(), "--force")
	m.ok("install", "-c", m.config, "--user", m.account, "-d", other, "--force")
	contains(t, m.stdout.String(), "Replaced the service runner")
	contains(t, m.unit("runner"), `--working-directory "`+other+`"`)
}

func TestServicesHaveNames(t *testing.T) {
	m := newMachine(t, serviceConfig)
	m.ok("install", "-c", m.config, "--user", m.account, "--name", "team-b")
	contains(t, m.unit("team-b"), `--working-directory "`+filepath.Join(m.root, "var/lib/team-b")+`"`, "EnvironmentFile=-/etc/default/team-b\n")
	contains(t, m.stdout.String(), "runner service start --name team-b")
	for _, verb := range []string{"start", "stop", "restart", "uninstall"} {
		m.ok(verb, "--name", "team-b")
		if len(m.calls) == 0 || !strings.HasSuffix(m.calls[0], " team-b.service") {
			t.Errorf("%s: got %q", verb, m.calls)
		}
		if code := m.do(verb, "--name", "../b"); code != 1 {
			t.Errorf("%s of a name that is none: exit %d", verb, code)
		}
	}
	m.refuses([]string{"--name", "a b"}, "a service's name begins with")
}

func TestServiceInstallTakesStateDirFromTheConfiguration(t *testing.T) {
	m := newMachine(t, "")
	m.state = filepath.Join(m.root, "from config")
	m.config = tomlFile(t, `state_dir = "`+m.state+`"`+"\n"+serviceConfig)
	m.ok("install", "-c", m.config, "--user", m.account)
	contains(t, m.unit("runner"), `run --config "`+m.config+`"`+"\n", `RequiresMountsFor="`+m.config+`" "`+m.state+`"`)
	if _, err := os.Stat(m.state); err != nil {
		t.Error(err)
	}
}

func TestServiceInstallRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		config string
		args   []string
		want   string
	}{
		"an invalid configuration": {strings.Replace(serviceConfig, `"https:`, `"htps:`, 1), nil, "has 1 error: nothing was installed"},
		"what is no TOML":          {"a = \n", nil, "config.toml:1"},
		"a relative state_dir":     {"state_dir = \"state\"\n" + serviceConfig, nil, `state_dir "state" depends on the directory`},
		"a user that is none":      {serviceConfig, []string{"--user", "no-such-user"}, "make the user first"},
	} {
		t.Run(name, func(t *testing.T) {
			newMachine(t, tt.config).refuses(tt.args, tt.want)
		})
	}
}

func TestServiceInstallNeedsPrivilegesAndPrintDoesNot(t *testing.T) {
	m := newMachine(t, serviceConfig)
	m.host.Privileged = false
	m.refuses([]string{"--user", m.account}, "run it as root (sudo runner service install")
	m.ok("install", "-c", m.config, "--user", "not-here-yet", "--print")
	contains(t, m.stdout.String(), "[Service]\n", "User=not-here-yet\n", `--config "`+m.config+`"`)
	m.ok("install", "-c", "/etc/runner/not-yet.toml", "--print")
	contains(t, m.stdout.String(), `--config "/etc/runner/not-yet.toml"`)
	contains(t, m.stderr.String(), "warning: configuration /etc/runner/not-yet.toml")
	if code := m.do("uninstall"); code != 1 {
		t.Errorf("exit %d", code)
	}
	contains(t, m.stderr.String(), "run it as root (sudo runner service uninstall")
}

func TestServiceInstallRefusesFilesThatOthersCanChange(t *testing.T) {
	m := newMachine(t, serviceConfig)
	if err := os.Chmod(m.host.Program, 0o757); err != nil {
		t.Fatal(err)
	}
	m.refuses([]string{"--user", m.account}, m.host.Program+" can be written by everybody")
	if err := os.Chmod(m.host.Program, 0o600); err != nil {
		t.Fatal(err)
	}
	m.refuses([]string{"--user", m.account}, "cannot run "+m.host.Program)
}

func TestJobsRunAsRootOnlyWhenSomebodySaysSo(t *testing.T) {
	withUser := serviceConfig + "[runners.shell]\nuser = \"nobody\"\n"
	docker := strings.Replace(serviceConfig, `["linux:host"]`, `["linux:docker://node"]`+"\nexecutor = \"docker\"", 1)
	for _, tt := range []struct {
		config, user string
		want         string // "" is no objection
	}{
		{serviceConfig, "", "jobs of a would run as root"},
		{serviceConfig, "root", ""},
		{serviceConfig, "nobody", ""},
		{withUser, "", ""},
		{withUser, "nobody", ""},
		{withUser, "daemon", "which only root can do"},
		{docker, "", ""},
	} {
		m := newMachine(t, tt.config)
		file, err := m.env.load(m.config)
		if err != nil {
			t.Fatal(err)
		}
		account, err := service.LookupAccount(tt.user)
		if err != nil {
			t.Fatal(err)
		}
		err = checkJobUsers(service.Spec{User: tt.user}, file.Config, account)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("user %q: %v", tt.user, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("user %q: got %v, want %q", tt.user, err, tt.want)
		}
	}
}

func TestInstallTellsThatJobsCanReadTokensOfTheirOwnUser(t *testing.T) {
	m := newMachine(t, serviceConfig)
	file, err := m.env.load(m.config)
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"nobody": true, "root": false} {
		account, err := service.LookupAccount(user)
		if err != nil {
			t.Fatal(err)
		}
		m.stderr.Reset()
		v := &serviceVerb{env: m.env, host: m.host}
		v.warnOfSharedUser(file.Config, account)
		if got := strings.Contains(m.stderr.String(), "can read the runner's tokens"); got != want {
			t.Errorf("%s: said %q", user, m.stderr.String())
		}
	}
}

func TestTokensOfTheServiceEnvironmentAreItsOwn(t *testing.T) {
	m := newMachine(t, strings.Replace(serviceConfig, `token = "secret-a"`, `token_env = "TOKEN_A"`, 1)+
		strings.NewReplacer(`"a"`, `"b"`, "uuid-a", "uuid-b", `token = "secret-a"`, `token_file = "$CREDENTIALS_DIRECTORY/b"`).Replace(serviceConfig))
	m.ok("install", "-c", m.config, "--user", m.account)
	environment := m.host.Manager.EnvironmentFile("runner")
	contains(t, m.stderr.String(), `registration "a": the service needs the variable TOKEN_A`, environment)
	if err := os.WriteFile(environment, []byte("# tokens\nTOKEN_A=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.ok("install", "-c", m.config, "--user", m.account)
	if strings.Contains(m.stderr.String(), "TOKEN_A") {
		t.Errorf("it complains: %s", m.stderr.String())
	}

	m = newMachine(t, strings.Replace(serviceConfig, `token = "secret-a"`, `token_file = "missing"`, 1))
	m.refuses([]string{"--user", m.account}, "token file", "nothing was installed")
}

func TestServiceStatus(t *testing.T) {
	m := newMachine(t, serviceConfig)
	m.says["show"] = "LoadState=loaded\nActiveState=active\nMainPID=42\nStatusText=2 jobs\nUnitFileState=enabled\nNRestarts=1\nFragmentPath=/etc/x.service\n"
	m.ok("status")
	contains(t, m.stdout.String(), "runner: running, process 42\n  2 jobs\n  restarted 1 time\n  /etc/x.service\n")
	m.ok("status", "--json")
	got := fromJSON[map[string]any](t, m.stdout.String())
	want := map[string]any{
		"name": "runner", "state": "running", "installed": true, "enabled": true, "pid": 42.0, "status": "2 jobs",
		"restarts": 1.0, "definition": "/etc/x.service", "manager": "systemd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	m.says["show"] = "LoadState=loaded\nActiveState=failed\nResult=exit-code\nUnitFileState=disabled\n"
	if code := m.do("status"); code != 3 {
		t.Errorf("failed: exit %d", code)
	}
	contains(t, m.stdout.String(), "runner: failed (exit-code)\n  does not start with the machine\n")

	m.says["show"] = "LoadState=not-found\nActiveState=inactive\n"
	if code := m.do("status", "--name", "other"); code != 4 {
		t.Errorf("not installed: exit %d", code)
	}
	contains(t, m.stdout.String(), "other: not installed\n")
	if code := m.do("status", "--json"); code != 4 {
		t.Errorf("not installed: exit %d", code)
	}
	if m.stderr.Len() > 0 {
		t.Errorf("said: %s", m.stderr.String())
	}

	m.fail["show"] = errors.New("no bus")
	if code := m.do("status"); code != 4 {
		t.Errorf("unknown: exit %d", code)
	}
	contains(t, m.stderr.String(), "runner: no bus")
}

func TestServiceControl(t *testing.T) {
	m := newMachine(t, serviceConfig)
	m.host.Privileged = false
	if code := m.do("start"); code != 1 {
		t.Errorf("exit %d", code)
	}
	contains(t, m.stderr.String(), "no service runner is installed here: runner service install\n")
	m.host.Privileged = true
	m.ok("install", "-c", m.config, "--user", m.account)

	m.env.IsTerminal = func() bool { return true }
	for verb, said := range map[string]string{"start": "Started runner.\n", "stop": "Stopped runner.\n", "restart": "Restarted runner.\n"} {
		m.ok(verb)
		contains(t, m.stdout.String(), said)
		if drains := strings.Contains(m.stderr.String(), "Running jobs end first"); drains != (verb != "start") {
			t.Errorf("%s says: %s", verb, m.stderr.String())
		}
		if want := []string{verb + " runner.service"}; !cmp.Equal(want, m.calls) {
			t.Errorf("got %q, want %q", m.calls, want)
		}
	}
	m.host.Privileged = false
	m.fail["stop"] = errors.New("access denied")
	if code := m.do("stop"); code != 1 {
		t.Errorf("exit %d", code)
	}
	contains(t, m.stderr.String(), "access denied (it may take root: try sudo)")

	m.host.Privileged = true
	delete(m.fail, "stop")
	m.ok("uninstall")
	contains(t, m.stdout.String(), "Removed the service runner")
	if _, err := os.Stat(m.state); err != nil {
		t.Errorf("the state is gone: %v", err)
	}
}

func TestServiceVerbsHaveExamples(t *testing.T) {
	m := newMachine(t, serviceConfig)
	for _, verb := range []string{"install", "uninstall", "start", "stop", "restart", "status"} {
		m.ok(verb, "--help")
		contains(t, m.stdout.String(), "Example:\n", "runner service "+verb, "--name")
	}
	m.ok()
	contains(t, m.stdout.String(), "Example:\n", "uninstall")
}
