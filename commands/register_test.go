package commands

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
	"multirunner/network/coordinator"
)

// load decodes a file that register wrote.
func load(t *testing.T, path string) *common.Config {
	t.Helper()
	config, problems, err := common.DecodeConfig(path, []byte(content(t, path)))
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return config
}

func TestRegisterTellsTheServerBareLabelsAndAddsABlock(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	before := "# mine\nconcurrent = 3 # three\n"
	path := tomlFile(t, before)
	w.must(t, "register", "-c", path, "--url", server.url+"/", "--token", server.token, "--name", "a",
		"--labels", "linux:host,node:docker://node:22", "--labels", "bare", "--limit", "2", "--ephemeral")

	rows := server.Runners()
	if len(rows) != 1 {
		t.Fatalf("%d runners on the server", len(rows))
	}
	row := rows[0]
	if diff := cmp.Diff([]string{"linux", "node", "bare"}, row.Labels); diff != "" || row.Name != "a" || row.Version != "1.2.3" || !row.Ephemeral {
		t.Errorf("the server has %+v", row)
	}
	if !strings.HasPrefix(content(t, path), before) {
		t.Errorf("the file is now\n%s", content(t, path))
	}
	config := load(t, path)
	want := common.DefaultRunner()
	want.Name, want.URL, want.UUID, want.Token = "a", server.url, row.UUID, config.Runners[0].Token
	want.Labels, want.Limit, want.Ephemeral = []string{"linux:host", "node:docker://node:22", "bare"}, 2, true
	if diff := cmp.Diff(want, config.Runners[0]); diff != "" || config.Concurrent != 3 {
		t.Error(diff)
	}
	contains(t, w.stdout.String(), "registered a with "+server.url, row.UUID, path)
	contains(t, w.stderr.String(), "warning: executor docker is missing, so node cannot run here")
	token := config.Runners[0].Token.Reveal()
	if len(token) != 40 || strings.Contains(w.stdout.String()+w.stderr.String(), token) {
		t.Error("there is no token, or it is shown")
	}
	w.must(t, "verify", "-c", path)
}

func TestRegisterMakesTheFile(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	path := filepath.Join(t.TempDir(), "etc", "config.toml")
	w.must(t, "register", "-c", path, "--url", server.url, "--registration-token", server.token, "--name", "a", "--labels", "linux:host", "--json")
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	got := fromJSON[registered](t, w.stdout.String())
	if got.Name != "a" || got.URL != server.url || got.UUID != server.Runners()[0].UUID || got.File != path {
		t.Errorf("got %+v", got)
	}
	w.must(t, "register", "-c", path, "--url", server.url, "--token", server.token, "--name", "b", "--labels", "linux:host")
	if config := load(t, path); len(config.Runners) != 2 {
		t.Errorf("%d registrations", len(config.Runners))
	}
}

func TestRegisterTakesTheTokenFromAFile(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(server.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := tomlFile(t, "")
	args := []string{"register", "-c", path, "--url", server.url, "--name", "a", "--labels", "linux:host", "--token-file"}
	w.must(t, append(args, tokenFile)...)
	if got := load(t, path).Runners[0]; got.TokenFile != "" || got.Token.IsZero() {
		t.Errorf("a registration token's file is not the runner's: %+v", got)
	}
	w.fails(t, append(args, tokenFile+".none"), "--token-file: token file "+tokenFile+".none cannot be read")
}

func TestRegisterAdoptsARunnerThatIsOnTheServer(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	row := server.AddRunner(coordinator.RunnerSpec{Name: "there"})
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(row.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token []string
		want  func(r *common.RunnerConfig) bool
	}{
		{[]string{"--token", row.Token}, func(r *common.RunnerConfig) bool { return r.Token.Reveal() == row.Token }},
		{[]string{"--token-file", tokenFile}, func(r *common.RunnerConfig) bool { return r.Token.IsZero() && r.TokenFile == tokenFile }},
	} {
		path := tomlFile(t, "")
		args := []string{"register", "-c", path, "--url", server.url, "--name", "a", "--labels", "linux:host", "--uuid", row.UUID}
		w.must(t, append(args, tt.token...)...)
		if got := load(t, path).Runners[0]; got.UUID != row.UUID || !tt.want(got) {
			t.Errorf("got %+v", got)
		}
		w.must(t, "verify", "-c", path)
	}
	if n := len(server.Runners()); n != 1 {
		t.Errorf("%d runners on the server", n)
	}
	path := tomlFile(t, "")
	w.fails(t, []string{"register", "-c", path, "--url", server.url, "--name", "a", "--labels", "l", "--uuid", row.UUID, "--token", "wrong"},
		"does not know a runner with this uuid and token")
	if content(t, path) != "" {
		t.Error("the file has changed")
	}
}

func TestRegisterNamesTheFlagsThatAreMissing(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, "")
	w.fails(t, []string{"register", "-c", path}, "missing --url, --token (or --token-file), --name, --labels")
	w.env.IsTerminal = func() bool { return true }
	w.fails(t, []string{"register", "-c", path, "--non-interactive", "--url", "https://x", "--token", "t", "--labels", "l"}, "register: missing --name\n")
}

func TestRegisterAsksOnATerminalForWhatIsMissing(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	path := tomlFile(t, "")
	w.env.IsTerminal = func() bool { return true }
	w.env.Stdin = strings.NewReader("git.example.org\n" + server.url + "\n\na:host, b\n")
	w.passwords = []string{server.token}
	w.must(t, "register", "-c", path)
	got := load(t, path).Runners[0]
	if got.Name != "this-host" || got.URL != server.url || !cmp.Equal(got.Labels, []string{"a:host", "b"}) {
		t.Errorf("got %+v", got)
	}
	contains(t, w.stderr.String(), "URL of the instance", "a URL begins with", "Registration token", "Name of the registration [this-host]: ", "Labels")

	w.env.Stdin, w.passwords = strings.NewReader("\n"), []string{server.token}
	w.must(t, "register", "-c", path, "--url", server.url, "--name", "b")
	if got := load(t, path).Runners[1]; !cmp.Equal(got.Labels, []string{runtime.GOOS + ":host"}) {
		t.Errorf("got %+v", got)
	}

	w.env.Stdin, w.passwords = strings.NewReader(""), []string{"t"}
	w.fails(t, []string{"register", "-c", path, "--url", server.url}, "no answer for --name")
}

func TestRegisterRefusesBeforeTheServerIsAsked(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	taken := tomlFile(t, goodConfig)
	empty := tomlFile(t, "")
	good := map[string]string{"-c": empty, "--url": server.url, "--token": server.token, "--name": "new", "--labels": "linux:host"}
	tests := []struct {
		change map[string]string
		want   string
	}{
		{map[string]string{"-c": taken, "--name": "a"}, `config.toml:3: a registration named "a" is in the file already`},
		{map[string]string{"-c": tomlFile(t, "x = \n")}, "config.toml:1: "},
		{map[string]string{"-c": filepath.Dir(taken)}, "configuration: "},
		{map[string]string{"--labels": "a:dokcer://x"}, `names the executor "dokcer", which is unknown: write a:host or a:docker://IMAGE`},
		{map[string]string{"--labels": "a:docker:x"}, "--labels: label"},
		{map[string]string{"--executor": "shel"}, `runners.executor: "shel" is not an executor`},
		{map[string]string{"--limit": "-1"}, "runners.limit: is -1"},
		{map[string]string{"--url": "ftp://x"}, "runners.url: "},
		{map[string]string{"--registration-token": "x"}, "--token and --registration-token are both given"},
		{map[string]string{"--token": "", "--registration-token": "x", "--uuid": "u"}, "--uuid is for a runner that exists"},
	}
	for _, tt := range tests {
		args := []string{"register"}
		flags := map[string]string{}
		for _, m := range []map[string]string{good, tt.change} {
			for k, v := range m {
				flags[k] = v
			}
		}
		for k, v := range flags {
			args = append(args, k, v)
		}
		w.fails(t, args, tt.want)
	}
	if n := len(server.Runners()); n != 0 {
		t.Errorf("%d runners on the server", n)
	}
	if content(t, empty) != "" {
		t.Error("the file has changed")
	}
}

func TestRegisterExplainsWhatTheServerSays(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	html := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html>Welcome</html>"))
	})
	missing := serve(t, http.NotFound)
	path := tomlFile(t, "")
	register := func(url, token string) []string {
		return []string{"register", "-c", path, "--url", url, "--token", token, "--name", "a", "--labels", "linux:host"}
	}
	w.fails(t, register(html, "t"), html+" is not a Gitea or Forgejo instance", "--url")
	w.fails(t, register(missing, "t"), missing+" is not a Gitea or Forgejo instance", "--url")
	w.fails(t, register("http://127.0.0.1:1", "t"), "http://127.0.0.1:1 does not answer: ", "refused")
	w.fails(t, register(server.url, "wrong"), "registration token", "copy the current token", server.url+"/-/admin/actions/runners")
	if content(t, path) != "" {
		t.Error("the file has changed")
	}
}

func TestRegisterPrintsTheBlockWhenItCannotBeWritten(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	path := tomlFile(t, "")
	handler := server.Handler()
	url := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/Register") {
			if err := os.WriteFile(path, []byte("broken = \n"), 0o600); err != nil {
				t.Error(err)
			}
		}
		handler.ServeHTTP(rw, r)
	})
	w.fails(t, []string{"register", "-c", path, "--url", url, "--token", server.token, "--name", "a", "--labels", "linux:host"},
		"The server knows the runner now, but the configuration could not be written: "+path+":1: ", "by hand")
	row := server.Runners()[0]
	config, _, err := common.DecodeConfig("", w.stdout.Bytes())
	if err != nil || len(config.Runners) != 1 || config.Runners[0].UUID != row.UUID || len(config.Runners[0].Token.Reveal()) != 40 {
		t.Errorf("%v: the block is\n%s", err, w.stdout.String())
	}
	if content(t, path) != "broken = \n" {
		t.Error("the file has changed")
	}
}

func TestRegisterTellsOfAnAnswerThatWasLost(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	server.Fault(coordinator.Register, coordinator.Fault{ResetAfter: true})
	w.fails(t, []string{"register", "-c", tomlFile(t, ""), "--url", server.url, "--token", server.token, "--name", "a", "--labels", "linux:host"},
		"the server may have made an entry that nobody uses")
}
