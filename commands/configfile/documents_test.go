package configfile

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"multirunner/common"
	"multirunner/helpers/tomltext"
)

const (
	exampleFile = "../../config.toml.example"
	docsFile    = "../../docs/configuration.md"
)

// noDefault are the keys that a registration must have, and a registry of
// images: their values in the example are examples.
var noDefault = map[string]bool{
	"runners.name": true, "runners.url": true, "runners.uuid": true, "runners.token": true, "runners.labels": true,
	"runners.docker.registries.server": true, "runners.docker.registries.username": true, "runners.docker.registries.password": true,
}

func TestTheExampleLoadsAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	write(t, path, content(t, exampleFile), 0o600)
	file, err := Loader{environ(nil)}.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Problems) > 0 {
		t.Error(text(file.Problems))
	}
}

func TestTheExampleHasEveryKeyWithItsDefault(t *testing.T) {
	data, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	for _, e := range tomltext.Scan(data).Entries() {
		if e.Kind == tomltext.Value {
			have[strings.Join(e.Keys, ".")]++
		}
	}
	for _, key := range common.KnownKeys() {
		if have[key.Path] != 1 {
			t.Errorf("%s stands there %d times, want once", key.Path, have[key.Path])
		}
		delete(have, key.Path)
	}
	if len(have) > 0 {
		t.Errorf("unknown keys: %v", have)
	}

	config, _, err := common.DecodeConfig(exampleFile, data)
	if err != nil {
		t.Fatal(err)
	}
	want := common.DefaultConfig()
	want.Runners = []*common.RunnerConfig{common.DefaultRunner()}
	got := config.Runners[0]
	for _, set := range []bool{got.Name != "", got.URL != "", got.UUID != "", !got.Token.IsZero(), len(got.Labels) > 0} {
		if !set {
			t.Error("a key without a default has no example")
		}
	}
	if len(got.Docker.Registries) != 1 {
		t.Fatalf("%d registries, want an example", len(got.Docker.Registries))
	}
	registry := got.Docker.Registries[0]
	if registry.Server == "" || registry.Username == "" || registry.Password.IsZero() || registry.PasswordFile != "" || registry.PasswordEnv != "" {
		t.Errorf("the example of a registry is %+v", registry)
	}
	got.Name, got.URL, got.UUID, got.Token, got.Labels = "", "", "", common.Secret{}, nil
	got.Docker.Registries = nil
	if got, want := encode(t, config), encode(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the values are not the defaults:\n%v\n%v", got, want)
	}
}

// encode gives a configuration as text, where no list and an empty one are one.
func encode(t *testing.T, config *common.Config) []string {
	t.Helper()
	var b strings.Builder
	if err := toml.NewEncoder(&b).Encode(config); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasSuffix(line, " = []\n") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestEveryKeyOfTheExampleHasOneCommentLine(t *testing.T) {
	before := ""
	for i, line := range strings.Split(content(t, exampleFile), "\n") {
		if strings.Contains(line, " = ") && !strings.HasPrefix(line, "#") && !strings.HasPrefix(before, "# ") {
			t.Errorf("line %d: %s has no comment above it", i+1, line)
		}
		before = line
	}
}

var (
	docsHeading = regexp.MustCompile("^##+ (?:`\\[+([a-z.]+)\\]+`|Top level)$")
	docsRow     = regexp.MustCompile("^\\| `([a-z_]+)` \\| ([^|]+) \\| ([^|]+) \\| [^|]+ \\|$")
)

func TestTheDocsHaveEveryKeyOnceWithTypeAndDefault(t *testing.T) {
	known := map[string]common.KeyDoc{}
	for _, key := range common.KnownKeys() {
		known[key.Path] = key
	}
	section, seen := "", map[string]bool{}
	for i, line := range strings.Split(content(t, docsFile), "\n") {
		if m := docsHeading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		m := docsRow.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| `") {
				t.Errorf("line %d cannot be read: %s", i+1, line)
			}
			continue
		}
		path := m[1]
		if section != "" {
			path = section + "." + m[1]
		}
		key, ok := known[path]
		wantDefault := "`" + key.Default + "`"
		if noDefault[path] {
			wantDefault = "none"
		}
		switch {
		case !ok:
			t.Errorf("line %d: %s is no key", i+1, path)
		case seen[path]:
			t.Errorf("line %d: %s is there twice", i+1, path)
		case m[2] != key.Type || m[3] != wantDefault:
			t.Errorf("line %d: %s is %s with default %s, the program says %s, %s", i+1, path, m[2], m[3], key.Type, wantDefault)
		}
		seen[path] = true
	}
	for path := range known {
		if !seen[path] {
			t.Errorf("%s is not in the docs", path)
		}
	}
}
