package common

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodRunner = `
[[runners]]
name = "a"
url = "https://git.example.org"
uuid = "11111111-2222-3333-4444-555555555555"
token = "secret-of-a"
labels = ["linux:host"]
`

func lines(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String())
		if p.Warning {
			b.WriteString(" (warning)")
		}
		fmt.Fprintf(&b, " [%d]\n", p.Runner)
	}
	return b.String()
}

// decode fails the test when the text cannot be used.
func decode(t *testing.T, text string) (*Config, string) {
	t.Helper()
	config, problems, err := DecodeConfig("config.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return config, lines(problems)
}

func TestAnEmptyFileGivesTheDefaults(t *testing.T) {
	config, problems := decode(t, "")
	if diff := cmp.Diff(DefaultConfig(), config); diff != "" || problems != "" {
		t.Error(diff, problems)
	}
}

func TestARegistrationGetsTheDefaultsOfWhatItDoesNotSay(t *testing.T) {
	config, problems := decode(t, goodRunner+`
[runners.shell]
user = "ci"
`)
	if problems != "" {
		t.Error(problems)
	}
	got := config.Runners[0]
	if got.Limit != 0 || got.Weight != 1 || got.Executor != "shell" || got.JobTimeout.Std() != 3*time.Hour ||
		got.Shell.User != "ci" || got.Shell.GracefulKillTimeout.Std() != 7500*time.Millisecond ||
		got.Shell.ForceKillTimeout.Std() != 2500*time.Millisecond || got.Token.Reveal() != "secret-of-a" {
		t.Errorf("got %+v", got)
	}
}

func TestValuesOfOurOwnTypes(t *testing.T) {
	config, problems := decode(t, `
check_interval = 1.5
shutdown_timeout = "1h"
[reporting]
spool_max_bytes = "64MiB"
[metrics]
per_runner = true
`)
	if problems != "" {
		t.Error(problems)
	}
	if config.CheckInterval.Std() != 1500*time.Millisecond || config.ShutdownTimeout.Std() != time.Hour ||
		config.Reporting.SpoolMaxBytes != 64<<20 || !config.Metrics.PerRunner.On(false) {
		t.Errorf("got %+v", config)
	}
}

func TestUnknownKeysNameLineAndNearestKey(t *testing.T) {
	_, got := decode(t, `concurent = 4
interval_max = 3
zzz = 1
[cache]
dir = "x"
[polling]
intervalmax = 5
`+goodRunner+`labls = []
shell.usr = "x"
[[runners]]
name = "b"
url = "https://git.example.org"
uuid = "u-2"
token_env = "T"
labels = ["linux"]
labls = []
hooks = { job_start = "/x" }
`)
	want := `config.toml:1: concurent: unknown key, did you mean concurrent? (warning) [-1]
config.toml:2: interval_max: unknown key, did you mean polling.interval_max? (warning) [-1]
config.toml:3: zzz: unknown key (warning) [-1]
config.toml:4: cache: unknown key (warning) [-1]
config.toml:7: polling.intervalmax: unknown key, did you mean interval_max? (warning) [-1]
config.toml:15: runners.labls: unknown key, did you mean labels? (warning) [0]
config.toml:16: runners.shell.usr: unknown key, did you mean user? (warning) [0]
config.toml:23: runners.labls: unknown key, did you mean labels? (warning) [1]
config.toml:24: runners.hooks.job_start: unknown key, did you mean job_started? (warning) [1]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileThatCannotBeReadNamesTheLineAndWhatToDo(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"syntax", "concurrent = 4\nlog_level = info\n", "config.toml:2: expected"},
		{"open table", "a = 1\n[runners\n", "config.toml:2: "},
		{"type", "\nconcurrent = \"many\"\n", "config.toml:2: concurrent: is text, must be an integer"},
		{"duration", "\n\ncheck_interval = \"soon\"\n", `config.toml:3: check_interval: "soon" is not a duration`},
		{"not a table", "polling = 3\n", "config.toml:1: polling: is an integer, must be a table"},
		{"not an array", "[runners]\nname = \"a\"\n", "config.toml:1: runners: is a table, must be a list"},
		{"twice", "concurrent = 1\nconcurrent = 2\n", "config.toml:2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := DecodeConfig("config.toml", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), tt.want) || !strings.Contains(err.Error(), "correct this line") {
				t.Errorf("got %q, want it to start with %q", err, tt.want)
			}
		})
	}
}

func TestASyntaxErrorNeverShowsAToken(t *testing.T) {
	for _, value := range []string{"0123456789abcdef", "abcdef", "1.2.3", "12e", `"abcdef" x`} {
		_, _, err := DecodeConfig("config.toml", []byte("[[runners]]\ntoken = "+value+"\n"))
		if err == nil {
			t.Fatalf("%s: no error", value)
		}
		if strings.Contains(err.Error(), value[:3]) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestAWrongTypeInOneRegistrationLeavesTheOthers(t *testing.T) {
	config, problems, err := DecodeConfig("config.toml", []byte(goodRunner+`
[[runners]]
name = "b"
limit = "two"
url = "https://git.example.org"
uuid = "u-2"
[[runners]]
name = "c"
url = "https://git.example.org"
uuid = "u-3"
token = "t"
labels = ["a:host", 3]
[[runners]]
name = "d"
url = "https://git.example.org"
uuid = "u-4"
token = "t"
labels = ["a:host"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `config.toml:11: runners.limit: is text, must be an integer [1]
config.toml:19: runners.labels: is an integer, must be text [2]
`
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true, true, false}, config.Broken(problems)); diff != "" {
		t.Error(diff)
	}
	if config.Runners[1].Name != "b" || config.Runners[1].UUID != "u-2" || config.Runners[3].Name != "d" {
		t.Error("the registrations are not at their places")
	}
}

func TestDuplicatesNameBothLinesAndBreakTheSecondOnly(t *testing.T) {
	config, problems, err := DecodeConfig("config.toml", []byte(goodRunner+`
[[runners]]
name = "b"
url = "HTTPS://git.example.org:443/"
uuid = "11111111-2222-3333-4444-555555555555"
token = "t"
labels = ["linux"]
[[runners]]
name = "a"
url = "https://other.example.org"
uuid = "11111111-2222-3333-4444-555555555555"
token = "t"
labels = ["linux"]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `config.toml:12: runners.uuid: the same registration (url and uuid) is in line 5 and again here, in line 12: change or remove one [1]
config.toml:16: runners.name: the same name, "a", is in line 3 and again here, in line 16: change or remove one [2]
`
	if diff := cmp.Diff(want, lines(problems)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true, true}, config.Broken(problems)); diff != "" {
		t.Error(diff)
	}
}

func TestInlineRegistrationsAreRead(t *testing.T) {
	config, got := decode(t, `runners = [ { name = "a", url = "https://x", uuid = "u", token = "t", labels = ["l"], limt = 2 } ]`)
	if len(config.Runners) != 1 || got != "config.toml:1: runners.limt: unknown key, did you mean limit? (warning) [0]\n" {
		t.Errorf("got %d, %s", len(config.Runners), got)
	}
}

func FuzzDecodeConfig(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(goodRunner))
	f.Add([]byte("[[runners]]\nlimit=\"x\"\nlabls=[]\n[runners.shell]\nuser=1\n[a.b]\nc=1"))
	f.Add([]byte("[metrics]\nper_runner=1\n[reporting]\nspool_max_bytes=\"1EiB\""))
	f.Add([]byte("runners=[{labels=[\"a:docker:x\",\"\"]}]\ntoken=1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, problems, err := DecodeConfig("f", data)
		if (config == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", config, err)
		}
		for _, p := range problems {
			if p.Message == "" || p.Runner < GlobalProblem || p.Runner >= len(config.Runners) {
				t.Fatalf("problem %+v", p)
			}
		}
	})
}
