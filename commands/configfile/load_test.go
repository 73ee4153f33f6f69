package configfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multirunner/common"
)

func write(t *testing.T, path, text string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func runner(name, token string) string {
	return "[[runners]]\nname = \"" + name + "\"\nurl = \"https://git.example.org\"\nuuid = \"uuid-of-" + name + "\"\nlabels = [\"linux:host\"]\n" + token + "\n"
}

func environ(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func text(problems []common.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func TestTokensAreResolved(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "b.token"), "token-b\n", 0o600)
	write(t, filepath.Join(credentials, "c"), "token-c", 0o440)
	write(t, filepath.Join(credentials, "d"), "token-d\r\n", 0o440)
	path := write(t, filepath.Join(dir, "config.toml"),
		runner("a", `token = "token-a"`)+
			runner("b", `token_file = "b.token"`)+
			runner("c", `token_file = "$CREDENTIALS_DIRECTORY/c"`)+
			runner("d", `token_file = "${CREDENTIALS_DIRECTORY}/d"`)+
			runner("e", `token_env = "TOKEN_E"
tls_ca_file = "ca.pem"`), 0o600)
	file, err := Loader{environ(map[string]string{"CREDENTIALS_DIRECTORY": credentials, "TOKEN_E": "token-e"})}.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Problems) > 0 {
		t.Error(text(file.Problems))
	}
	for _, r := range file.Config.Runners {
		if got := r.Token.Reveal(); got != "token-"+r.Name {
			t.Errorf("%s: token %q", r.Name, got)
		}
	}
	if got := file.Config.Runners[4].TLSCAFile; got != filepath.Join(dir, "ca.pem") {
		t.Errorf("tls_ca_file is %q", got)
	}
	if now, err := Hash(path); err != nil || now != file.Hash {
		t.Errorf("hash %s, was %s, %v", now, file.Hash, err)
	}
}

func TestATokenThatCannotBeReadBreaksItsRegistrationOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty"), "\n", 0o600)
	write(t, filepath.Join(dir, "two"), "one\ntwo\n", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ token, want string }{
		{`token_file = "missing"`, `config.toml:12: runners.token_file: registration "b": token file ` + filepath.Join(dir, "missing") + " cannot be read ("},
		{`token_file = "missing"`, "): write the token into it, or correct the path"},
		{`token_file = "empty"`, "is empty"},
		{`token_file = "two"`, "has more than one line"},
		{`token_file = "directory"`, "is not a regular file"},
		{`token_file = "$CREDENTIALS_DIRECTORY/x"`, "$CREDENTIALS_DIRECTORY is not set: systemd sets it"},
		{`token_file = "$OTHER/x"`, filepath.Join(dir, "$OTHER", "x")},
		{`token_env = "NOT_SET"`, `registration "b": the environment variable NOT_SET is not set`},
	}
	for _, tt := range tests {
		path := write(t, filepath.Join(dir, "config.toml"), runner("a", `token = "t"`)+runner("b", tt.token)+runner("c", `token = "t"`), 0o600)
		file, err := Loader{environ(nil)}.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := file.Config.Broken(file.Problems)
		if broken[0] || !broken[1] || broken[2] {
			t.Errorf("%s: broken %v", tt.token, broken)
		}
		if got := text(file.Problems); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q in it", tt.token, got, tt.want)
		}
	}
}

// registryTable is a [[runners.docker.registries]] table with a password.
func registryTable(host, password string) string {
	return "[[runners.docker.registries]]\nserver = \"" + host + ".example.org\"\nusername = \"ci\"\n" + password + "\n"
}

func TestPasswordsOfRegistriesAreResolved(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "p"), "from-file\n", 0o600)
	write(t, filepath.Join(credentials, "c"), "from-credential", 0o440)
	path := write(t, filepath.Join(dir, "config.toml"), runner("a", `token = "t"`)+
		registryTable("a", `password = "plain"`)+
		registryTable("b", `password_file = "p"`)+
		registryTable("c", `password_file = "$CREDENTIALS_DIRECTORY/c"`)+
		registryTable("d", `password_env = "P"`), 0o600)
	file, err := Loader{environ(map[string]string{"CREDENTIALS_DIRECTORY": credentials, "P": "from-variable"})}.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Problems) > 0 {
		t.Error(text(file.Problems))
	}
	var got []string
	for _, registry := range file.Config.Runners[0].Docker.Registries {
		got = append(got, registry.Password.Reveal())
	}
	if want := []string{"plain", "from-file", "from-credential", "from-variable"}; !slices.Equal(got, want) {
		t.Errorf("passwords %v, want %v", got, want)
	}
}

func TestAPasswordThatCannotBeReadBreaksItsRegistrationOnly(t *testing.T) {
	dir := t.TempDir()
	for password, want := range map[string]string{
		`password_file = "missing"`: `config.toml:16: runners.docker.registries.password_file: registration "b": password file ` + filepath.Join(dir, "missing") + " cannot be read (",
		`password_env = "NOT_SET"`:  `config.toml:16: runners.docker.registries.password_env: registration "b": the environment variable NOT_SET is not set: set it for the runner, or write password or password_file`,
	} {
		path := write(t, filepath.Join(dir, "config.toml"), runner("a", `token = "t"`)+runner("b", `token = "t"`)+registryTable("x", password)+runner("c", `token = "t"`), 0o600)
		file, err := Loader{environ(nil)}.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if broken := file.Config.Broken(file.Problems); broken[0] || !broken[1] || broken[2] {
			t.Errorf("%s: broken %v", password, broken)
		}
		if got := text(file.Problems); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", password, got, want)
		}
	}
}

func TestAMissingFileSaysWhatToDo(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "runner register") {
		t.Errorf("got %v", err)
	}
}

func TestABrokenFileIsAnErrorWithItsLine(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "config.toml"), "concurrent = 1\nbroken\n", 0o600)
	if _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), path+":2: ") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultPath(t *testing.T) {
	t.Chdir(t.TempDir())
	xdg := t.TempDir()
	env := environ(map[string]string{"XDG_CONFIG_HOME": xdg})
	if got := DefaultPath(env, true); got != filepath.Join("/etc/runner", "config.toml") {
		t.Errorf("as root: %q", got)
	}
	if got := DefaultPath(env, false); got != filepath.Join(xdg, "runner", "config.toml") {
		t.Errorf("as user: %q", got)
	}
	write(t, "config.toml", "", 0o600)
	if got := DefaultPath(env, true); got != "config.toml" {
		t.Errorf("with a file here: %q", got)
	}
}
