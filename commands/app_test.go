package commands

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

type echoed struct {
	Args  []string `json:"args"`
	Words []string `json:"words"`
	Flag  bool     `json:"flag"`
}

func TestListFlagsRepeatAndKeepTheirCommas(t *testing.T) {
	w := newWorld(t)
	w.must(t, "echo", "--word-list", "a,b", "--word-list", "c", "arg")
	want := echoed{[]string{"arg"}, []string{"a,b", "c"}, false}
	if diff := cmp.Diff(want, fromJSON[echoed](t, w.stdout.String())); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFlagHasAnEnvironmentVariable(t *testing.T) {
	t.Setenv("MULTIRUNNER_WORD_LIST", "x,y")
	t.Setenv("MULTIRUNNER_FLAG", "true")
	t.Setenv("MULTIRUNNER_LOG_FORMAT", "json")
	w := newWorld(t)
	w.must(t, "echo")
	if got := fromJSON[echoed](t, w.stdout.String()); !got.Flag || len(got.Words) != 1 || got.Words[0] != "x,y" {
		t.Errorf("got %+v", got)
	}
	contains(t, w.stderr.String(), `"msg":"info line"`)
	w.must(t, "echo", "--log-format", "text")
	contains(t, w.stderr.String(), `msg="info line"`)
}

func TestAFlagAfterAnArgumentIsAnErrorThatSaysSo(t *testing.T) {
	w := newWorld(t)
	w.fails(t, []string{"echo", "arg", "--flag"}, `flags come before arguments: write --flag behind "runner echo" and before "arg"`)
	w.fails(t, []string{"version", "x", "--json"}, "flags come before arguments")
	w.must(t, "echo", "--", "-1")
	w.must(t, "echo", "arg", "--", "--flag")
	w.must(t, "echo", "arg", "-")
}

func TestAnArgumentThatNobodyTakesIsAnError(t *testing.T) {
	w := newWorld(t)
	w.fails(t, []string{"version", "now"}, `runner version takes no arguments, only flags: "now" is none`)
	w.fails(t, []string{"config", "show", "x"}, "runner config show takes no arguments")
}

func TestSlipsInNamesGetASuggestion(t *testing.T) {
	w := newWorld(t)
	w.fails(t, []string{"regsiter"}, `runner has no command "regsiter", did you mean register?`)
	w.fails(t, []string{"config", "chekc"}, `runner config has no command "chekc", did you mean check?`)
	w.fails(t, []string{"version", "--jsn"}, "runner version has no flag --jsn, did you mean --json?")
	w.fails(t, []string{"--log-levle", "x", "version"}, "runner has no flag --log-levle, did you mean --log-level?")
	w.fails(t, []string{"register", "--limit", "many"}, "runner register: invalid value")
	if w.stdout.Len() > 0 {
		t.Errorf("help on standard output: %s", w.stdout.String())
	}
}

func TestWithoutAVerbTheHelpIsShown(t *testing.T) {
	w := newWorld(t)
	w.must(t)
	contains(t, w.stdout.String(), "register", "Example:")
	w.must(t, "config")
	contains(t, w.stdout.String(), "check", "Example:")
}

func TestEveryVerbHasAnExampleInItsHelp(t *testing.T) {
	w := newWorld(t)
	for _, verb := range [][]string{
		{"register"}, {"unregister"}, {"list"}, {"verify"}, {"config", "check"}, {"config", "show"}, {"version"},
	} {
		w.must(t, append(verb, "--help")...)
		contains(t, w.stdout.String(), "Example:\n", "$ runner "+strings.Join(verb, " "), "--log-level")
	}
}

func TestLogFlagsWorkBeforeAndBehindTheVerb(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"--log-level", "debug", "echo"}, {"echo", "--log-level", "debug"}, {"--log-level", "error", "echo", "--log-level", "DEBUG"}} {
		w.must(t, args...)
		contains(t, w.stderr.String(), `level=debug msg="debug line" key=value`)
	}
	w.must(t, "echo")
	if strings.Contains(w.stderr.String(), "debug line") {
		t.Error("debug is on without the flag")
	}
	w.fails(t, []string{"echo", "--log-level", "loud"}, `--log-level: "loud" is none of`)
	w.fails(t, []string{"echo", "--log-format", "xml"}, `--log-format: "xml" is neither`)
}

func TestColoursAreForTerminalsOnly(t *testing.T) {
	const escape = "\x1b["
	w := newWorld(t)
	w.must(t, "echo")
	if strings.Contains(w.stderr.String(), escape) {
		t.Error("colours without a terminal")
	}
	w.env.IsTerminal = func() bool { return true }
	w.must(t, "echo")
	contains(t, w.stderr.String(), escape)
	w.getenv["NO_COLOR"] = "1"
	w.must(t, "echo")
	if strings.Contains(w.stderr.String(), escape) {
		t.Error("colours in spite of NO_COLOR")
	}
}

func TestExitCode(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errSilent, 1, ""},
		{errors.New("x"), 1, "runner: x\n"},
		{cli.Exit("bye", 3), 3, "bye\n"},
		{cli.Exit("", 1), 1, ""},
	} {
		w.stderr.Reset()
		if code := ExitCode(w.env, tt.err); code != tt.code || w.stderr.String() != tt.text {
			t.Errorf("%v: got %d, %q", tt.err, code, w.stderr.String())
		}
	}
}

func TestVersion(t *testing.T) {
	w := newWorld(t)
	w.must(t, "version")
	if got, want := w.stdout.String(), "runner 1.2.3 (abcdef012345, go1.26, linux/amd64)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	w.must(t, "version", "--json")
	if got := fromJSON[VersionInfo](t, w.stdout.String()); got != w.env.Version {
		t.Errorf("got %+v", got)
	}
	if info := NewVersionInfo("v1"); info.Version != "v1" || info.Go == "" || info.OS == "" || info.Arch == "" {
		t.Errorf("got %+v", info)
	}
}
