//go:build unix

package configfile

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestLooseModesAreWarnings(t *testing.T) {
	dir := t.TempDir()
	tokenFile := write(t, filepath.Join(dir, "token"), "t", 0o644)
	tests := []struct {
		name, text string
		want       string
	}{
		{"a token in the file", runner("a", `token = "t"`), "mode 0640 lets others read the tokens in it: chmod 600 "},
		{"a token file", runner("a", `token_file = "token"`), `registration "a": mode 0644 lets others read the token: chmod 600 ` + tokenFile},
		{"no token in it", runner("a", `token_env = "T"`), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, filepath.Join(dir, "config.toml"), tt.text, 0o640)
			file, err := Loader{environ(map[string]string{"T": "x"})}.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			got := text(file.Problems)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			for _, p := range file.Problems {
				if !p.Warning {
					t.Errorf("%s is no warning", p)
				}
			}
		})
	}
}
