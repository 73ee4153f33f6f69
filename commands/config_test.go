package commands

import (
	"path/filepath"
	"strings"
	"testing"

	"multirunner/common"
)

const goodConfig = `
[[runners]]
name = "a"
url = "https://git.example.org"
uuid = "uuid-a"
token = "secret-token-a"
labels = ["linux:host", "node:docker://node:22", "bare"]
limit = 2
environment = ["PASSWORD=secret-value"]

[[runners]]
name = "b"
url = "https://git.example.org/"
uuid = "uuid-b"
token = "secret-token-b"
labels = ["linux:host"]
`

// withRegistry gives the last registration of goodConfig a registry of images.
const withRegistry = goodConfig + `
[[runners.docker.registries]]
server = "registry.example.org"
username = "ci"
password = "secret-password"
`

func TestConfigCheckPrintsOK(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, goodConfig)
	w.must(t, "config", "check", "-c", path)
	if got, want := w.stdout.String(), path+": ok, 2 registrations on 1 server, 0 warnings\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfigCheckFindsErrors(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, "concurent = 2\n"+goodConfig+"labls = []\ntoken_file = \"x\"\n[reporting]\nlog_report_max_latency = 9\n")
	w.fails(t, []string{"config", "check", "-c", path},
		path+":1: concurent: unknown key, did you mean concurrent?\n",
		path+":18: runners.labls: unknown key, did you mean labels?\n",
		path+":19: runners.token_file: token and token_file are both set",
		"warning: "+path+":21: reporting.log_report_max_latency: is 9s, must be below log_report_interval",
		path+": 3 errors, 1 warning\n")

	w.fails(t, []string{"config", "check", "-c", tomlFile(t, "a = 1\nb = [\n")}, "config.toml:2: ")
	w.fails(t, []string{"config", "check", "-c", path + ".none"}, path+".none", "runner register")
	w.fails(t, []string{"config", "check", "-c", tomlFile(t, strings.Replace(goodConfig, `"uuid-b"`, `"uuid-a"`, 1))}, "line 5", "line 14")
	w.fails(t, []string{"config", "check", "-c", tomlFile(t, strings.Replace(goodConfig, `token = "secret-token-b"`, `token_file = "none"`, 1))}, `registration "b": token file `)
}

func TestConfigShowHasTheDefaultsAndNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.getenv["XDG_STATE_HOME"] = "/state"
	w.must(t, "config", "show", "-c", tomlFile(t, withRegistry))
	got := w.stdout.String()
	if strings.Contains(got, "secret-") || strings.Contains(w.stderr.String(), "secret-") {
		t.Errorf("a secret is shown:\n%s", got)
	}
	contains(t, got, `check_interval = "3s"`, `state_dir = "/state/runner"`, `token = "[redacted]"`, `"PASSWORD=[redacted]"`, `password = "[redacted]"`,
		"limit = 2", `spool_max_bytes = "1GiB"`, `graceful_kill_timeout = "7.5s"`)

	config, problems, err := common.DecodeConfig("shown", []byte(got))
	if err != nil || len(problems) > 0 || len(config.Runners) != 2 {
		t.Errorf("what is shown does not load: %v %v", problems, err)
	}
	for _, key := range common.KnownKeys() {
		if _, name := filepath.Split(strings.ReplaceAll(key.Path, ".", "/")); !strings.Contains(got, name+" = ") {
			t.Errorf("%s is not shown", key.Path)
		}
	}
}

func TestConfigShowHidesResolvedTokens(t *testing.T) {
	w := newWorld(t)
	w.getenv["TOKEN_B"] = "secret-token"
	w.must(t, "config", "show", "-c", tomlFile(t, strings.Replace(goodConfig, `token = "secret-token-b"`, `token_env = "TOKEN_B"`, 1)))
	contains(t, w.stdout.String(), `token_env = "TOKEN_B"`)
	if n := strings.Count(w.stdout.String(), `token = "[redacted]"`); n != 1 {
		t.Errorf("%d tokens:\n%s", n, w.stdout.String())
	}
}

func TestConfigShowHidesResolvedPasswords(t *testing.T) {
	w := newWorld(t)
	w.getenv["PASSWORD_B"] = "secret-password"
	w.must(t, "config", "show", "-c", tomlFile(t, strings.Replace(withRegistry, `password = "secret-password"`, `password_env = "PASSWORD_B"`, 1)))
	contains(t, w.stdout.String(), `password_env = "PASSWORD_B"`, `password = ""`)
	if got := w.stdout.String(); strings.Contains(got, "secret-") {
		t.Errorf("a secret is shown:\n%s", got)
	}
}
