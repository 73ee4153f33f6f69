package configfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multirunner/common"
)

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func named(name string) func(*common.RunnerConfig) bool {
	return func(r *common.RunnerConfig) bool { return r.Name == name }
}

func example(name string) *common.RunnerConfig {
	r := common.DefaultRunner()
	r.Name, r.URL, r.UUID = name, "https://git.example.org/\"sub\"", "uuid-"+name
	r.Token = common.NewSecret("t\\o\tken")
	r.Labels = []string{"linux:host", "é\x01:docker://node:22"}
	r.Executor, r.Limit, r.Ephemeral = "docker", 3, true
	r.TLSCAFile, r.InsecureSkipVerify = "/ca.pem", true
	return r
}

func TestBlockSaysWhatTheRegistrationIs(t *testing.T) {
	for _, change := range []func(*common.RunnerConfig){
		func(*common.RunnerConfig) {},
		func(r *common.RunnerConfig) { r.Token, r.TokenFile = common.Secret{}, "/x/token" },
		func(r *common.RunnerConfig) { r.Token, r.TokenEnv = common.Secret{}, "TOKEN" },
	} {
		want := example("a")
		change(want)
		config, _, err := common.DecodeConfig("", []byte(Block(want)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, config.Runners[0]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAppendAndRemoveLeaveEverythingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	before := "# mine\nconcurrent   = 7 # seven\nunknown = { a = 1 }\n\n# first\n" + runner("a", `token = "t"`) + "  # end\n"
	write(t, path, before, 0o640)
	if err := Append(path, runner("b", `token = "t"`)); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), before+"\n"+runner("b", `token = "t"`); got != want {
		t.Errorf("after append:\n%s", cmp.Diff(want, got))
	}
	removed, err := Remove(path, named("b"))
	if err != nil {
		t.Fatal(err)
	}
	if len(removed) != 1 || removed[0].UUID != "uuid-of-b" {
		t.Errorf("removed %v", removed)
	}
	if got := content(t, path); got != before {
		t.Errorf("after remove:\n%s", cmp.Diff(before, got))
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
}

func TestAppendMakesFileAndDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etc", "runner", "config.toml")
	if err := Append(path, Block(func() *common.RunnerConfig {
		r := example("a")
		r.URL, r.Token, r.Labels = "https://git.example.org", common.NewSecret("t"), []string{"linux:docker://node:22"}
		return r
	}())); err != nil {
		t.Fatal(err)
	}
	file, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Config.Runners) != 1 || file.Config.Broken(file.Problems)[0] {
		t.Errorf("%v %s", file.Config.Runners, text(file.Problems))
	}
	if mode, loose := LooseMode(path); loose {
		t.Errorf("mode %o", mode)
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	tests := []struct{ name, before, block, want string }{
		{"a name that is taken", runner("a", `token = "t"`), strings.Replace(runner("a", `token = "t"`), "uuid-of-a", "other", 1), `config.toml:2: a registration named "a" is in the file already`},
		{"a registration that is there", runner("a", `token = "t"`), strings.Replace(runner("a", `token = "t"`), `"a"`, `"b"`, 1), "config.toml:4: this registration (url and uuid) is in the file already"},
		{"a broken file", "x = \n", runner("a", `token = "t"`), "config.toml:1: "},
		{"inline registrations", "runners = [{name = \"x\"}]\n", runner("a", `token = "t"`), "config.toml:"},
		{"a broken block", "", "[[runners]]\nname = x\n", "would not be readable"},
		{"two blocks", "", runner("a", `token = "t"`) + runner("b", `token = "t"`), "cannot be added"},
		{"a block of something else", "", "[polling]\n", "cannot be added"},
		{"no token", "", runner("a", ""), "runners.token: missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "config.toml"), tt.before, 0o600)
			err := Append(path, tt.block)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := content(t, path); got != tt.before {
				t.Errorf("the file has changed: %q", got)
			}
		})
	}
}

func TestRemoveTakesAllThatMatch(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "config.toml"),
		"concurrent = 2\n\n"+runner("a", `token = "t"`)+"\n"+runner("b", `limit = "broken"`)+"\n"+runner("a", `token = "t"`)+"[polling]\n", 0o600)
	removed, err := Remove(path, func(r *common.RunnerConfig) bool { return true })
	if err != nil || len(removed) != 3 {
		t.Fatal(removed, err)
	}
	if got := content(t, path); got != "concurrent = 2\n[polling]\n" {
		t.Errorf("got %q", got)
	}
}

func TestRemoveWithoutAMatchWritesNothing(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "config.toml"), runner("a", `token = "t"`), 0o600)
	before, _ := os.Stat(path)
	removed, err := Remove(path, named("b"))
	if err != nil || len(removed) != 0 {
		t.Error(removed, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("the file was replaced")
	}
	if _, err := Remove(path+".none", named("b")); err == nil {
		t.Error("no error for a missing file")
	}
}

func TestRemoveRefusesInlineRegistrations(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "config.toml"), "runners = [{name = \"a\"}]\n", 0o600)
	if _, err := Remove(path, named("a")); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("got %v", err)
	}
}

func TestAppendsAtTheSameTimeLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			if err := Append(path, runner(fmt.Sprint("r", i), `token = "t"`)); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	file, err := Load(path)
	if err != nil || len(file.Config.Runners) != 8 {
		t.Fatal(file, err)
	}
}
