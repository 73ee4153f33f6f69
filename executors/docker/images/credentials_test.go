package images

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/sirupsen/logrus"

	"multirunner/common"
)

// dockerConfig gives a directory with a config.json.
func dockerConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// helper puts a credential helper, a script, on the PATH.
func helper(t *testing.T, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the helpers of this test are scripts of a Unix shell")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestTheNearestCredentialsAreUsed(t *testing.T) {
	// It tells what it was asked, and knows only some.
	helper(t, "fake", `read server
case "$1 $server" in
"get helped.example.org") echo '{"ServerURL":"x","Username":"helped","Secret":"h"}' ;;
"get token.example.org") echo '{"Username":"<token>","Secret":"identity"}' ;;
"get https://index.docker.io/v1/") echo '{"Username":"hub","Secret":"u"}' ;;
*) echo "credentials not found in native keychain"; exit 1 ;;
esac`)
	files := fmt.Sprintf(`"auths": {
		"https://file.example.org/v2/": {"auth": %q},
		"both.example.org": {"auth": %q},
		"localhost:5000": {"auth": %q},
		"https://index.docker.io/v1/": {"auth": %q},
		"empty.example.org": {}}`, basic("file", "f:1"), basic("other", "o"), basic("local", "l"), basic("filehub", "fh"))
	withFiles := `{` + files + `}`
	withHelpers := `{` + files + `, "credHelpers": {"helped.example.org": "fake", "token.example.org": "fake", "both.example.org": "fake"}}`
	withStore := `{` + files + `, "credsStore": "fake"}`
	own := Credentials{Username: "own", Password: common.NewSecret("w")}
	configured := []common.JobRegistry{{Server: "Both.example.org", Username: "configured", Password: "c"}, {Server: "index.docker.io", Username: "confighub", Password: "ch"}}
	for _, tt := range []struct {
		image      string
		config     string
		registries []common.JobRegistry
		own        Credentials
		want       string // user:password or identity token
	}{
		{"both.example.org/a", withHelpers, configured, own, "own:w"},
		{"both.example.org/a", withHelpers, configured, Credentials{}, "configured:c"},
		{"both.example.org/a", withHelpers, nil, Credentials{}, "other:o"}, // the helper knows nothing
		{"helped.example.org/a/b:1", withHelpers, configured, Credentials{}, "helped:h"},
		{"token.example.org/a", withHelpers, nil, Credentials{}, "token identity"},
		{"file.example.org/a@sha256:0123456789012345678901234567890123456789012345678901234567890123", withFiles, nil, Credentials{}, "file:f:1"},
		{"localhost:5000/a", withFiles, nil, Credentials{}, "local:l"},
		{"localhost:5001/a", withFiles, nil, Credentials{}, ""},
		{"empty.example.org/a", withFiles, nil, Credentials{}, ""},
		{"tool", withFiles, nil, Credentials{}, "filehub:fh"},
		{"docker.io/team/tool", withFiles, configured, Credentials{}, "confighub:ch"},
		{"tool", withStore, nil, Credentials{}, "hub:u"},
		{"file.example.org/a", withStore, nil, Credentials{}, "file:f:1"},
		{"tool", `{}`, nil, Credentials{}, ""},
		{"tool", `{"auths": 3}`, nil, Credentials{}, ""},
	} {
		t.Run(tt.image+" "+tt.want, func(t *testing.T) {
			f := &fakeEngine{local: map[string]bool{}, pull: func(context.Context, int) (int, io.Reader) { return http.StatusOK, strings.NewReader(ok) }}
			s := New(Options{Engine: f.client(t), Policy: common.PullPolicy{"always"}, DockerConfig: dockerConfig(t, tt.config), Registries: tt.registries})
			s.Resolve(t.Context(), Request{Image: tt.image, Credentials: tt.own}, io.Discard)
			if len(f.auths) == 0 {
				t.Fatal("there was no pull")
			}
			if got := told(t, f.auths[0]); got != tt.want {
				t.Errorf("the engine got %q, want %q", got, tt.want)
			}
		})
	}
}

// told gives what a header tells the engine.
func told(t *testing.T, text string) string {
	t.Helper()
	auth, err := authconfig.Decode(text)
	switch {
	case err != nil:
		t.Fatal(err)
	case *auth == (registry.AuthConfig{}):
		return ""
	case auth.IdentityToken != "":
		return "token " + auth.IdentityToken
	}
	return auth.Username + ":" + auth.Password
}

func TestAHelperThatFailsIsToldWithoutItsOutput(t *testing.T) {
	helper(t, "leaky", `echo "my secret is hunter2"; echo "on stderr: hunter3" >&2; exit 7`)
	helper(t, "odd", `echo "hunter4 is no JSON"`)
	for _, tt := range []struct{ config, want string }{
		{`{"credsStore": "leaky"}`, "docker-credential-leaky: exit status 7"},
		{`{"credsStore": "odd"}`, "docker-credential-odd gave an answer that is no credential"},
		{`{"credsStore": "missing"}`, "docker-credential-missing"},
		{`{"auths": {"a": {"auth": "hunter5"}}}`, "cannot be read"},
	} {
		var out bytes.Buffer
		log := logrus.New()
		log.SetOutput(&out)
		s := New(Options{DockerConfig: dockerConfig(t, tt.config), Log: log})
		if found := s.auth(t.Context(), "registry.example.org", Credentials{}); found != (registry.AuthConfig{}) {
			t.Errorf("%s gave credentials", tt.config)
		}
		if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "hunter") {
			t.Errorf("the log says %q, want %q and no secret", out.String(), tt.want)
		}
	}
}

func TestAHelperThatHangsIsEnded(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	helper(t, "hanging", "sleep 600 &\necho $! >"+pid+"\nsleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	s := New(Options{DockerConfig: dockerConfig(t, `{"credsStore": "hanging"}`)})
	if found := s.auth(ctx, "registry.example.org", Credentials{}); found != (registry.AuthConfig{}) {
		t.Error("it gave credentials")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if !ended(t, strings.TrimSpace(string(text))) {
		t.Errorf("what it started, process %s, lives on", text)
	}
}

// ended tells whether a process of Linux is gone or a zombie.
func ended(t *testing.T, pid string) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || strings.Contains(string(status), ") Z ")
}

func TestOneWayToWriteARegistryIsAsGoodAsAnother(t *testing.T) {
	for _, tt := range []struct{ server, want string }{
		{"docker.io", "docker.io"}, {"https://index.docker.io/v1/", "docker.io"}, {"registry-1.docker.io", "docker.io"},
		{"https://Registry.example.org/v2/", "registry.example.org"}, {"http://localhost:5000", "localhost:5000"},
		{"[::1]:5000", "[::1]:5000"}, {"registry.example.org:5000", "registry.example.org:5000"},
	} {
		if got := registryHost(tt.server); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.server, got, tt.want)
		}
	}
}

func TestCredentialsReachNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEngine{local: map[string]bool{}, pull: func(context.Context, int) (int, io.Reader) { return engineSays(500, "EOF") }}
		var operator bytes.Buffer
		log := logrus.New()
		log.SetOutput(&operator)
		log.SetLevel(logrus.TraceLevel)
		var job lines
		s := New(Options{Engine: f.client(t), Log: log, Registries: []common.JobRegistry{{Server: "r.example.org", Username: "u", Password: "hunter2"}}})
		_, err := s.Resolve(t.Context(), Request{Image: "r.example.org/a"}, &job)
		all := operator.String() + job.String() + err.Error()
		if strings.Contains(all, "hunter2") || !strings.Contains(all, "try 3 of 3") {
			t.Errorf("logs: %s", all)
		}
	})
}
