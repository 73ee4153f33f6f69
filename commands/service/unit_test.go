package service

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func plainSpec() Spec {
	return Spec{
		Name: "runner", Program: "/usr/local/bin/runner", Config: "/etc/runner/config.toml",
		StateDir: "/var/lib/runner", FixedStateDir: true, User: "builder",
	}
}

// hostileSpec has everything in its paths that means something to systemd.
func hostileSpec() Spec {
	return Spec{
		Name: "team-a.2", Program: `/opt/my own/$HOME/100%/a ; b/runner`, Config: `/etc/a b/%n $MAINPID ${X} 'c'\n/{name}.toml`,
		StateDir: `/srv/état ; rm/{user}`, FixedStateDir: true, User: "build%er",
	}
}

// parsedUnit is a unit as systemd reads it: section → key → values.
type parsedUnit map[string]map[string][]string

func parseUnit(t *testing.T, text string) parsedUnit {
	t.Helper()
	unit, section := parsedUnit{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
			unit[section] = map[string][]string{}
		default:
			key, value, found := strings.Cut(line, "=")
			if !found || section == "" || strings.HasSuffix(line, `\`) {
				t.Fatalf("systemd would not read %q in section %q", line, section)
			}
			unit[section][key] = append(unit[section][key], value)
		}
	}
	return unit
}

// one gives the only value of a key.
func (u parsedUnit) one(t *testing.T, section, key string) string {
	t.Helper()
	values := u[section][key]
	if len(values) != 1 {
		t.Fatalf("%s= has the values %q in section %s", key, values, section)
	}
	return values[0]
}

// readWords splits a value as systemd does, expands its specifiers, and in the
// words of a command behind the first the variables. See systemd.syntax(7) and
// systemd.service(5), COMMAND LINES.
func readWords(text string, command bool) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	end := func() {
		if inWord {
			words = append(words, word.String())
			word.Reset()
			inWord = false
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case c == '\\':
			if next != '\\' && next != '"' {
				return nil, fmt.Errorf("escape \\%c", next)
			}
			word.WriteByte(next)
			i++
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'') && !inWord:
			quote, inWord = c, true
		case quote == 0 && c == ' ':
			end()
		case c == '%':
			if next != '%' {
				return nil, fmt.Errorf("specifier %%%c", next)
			}
			inWord = true
			word.WriteByte('%')
			i++
		case c == '$' && command && len(words) > 0:
			if next != '$' {
				return nil, fmt.Errorf("variable at %q", text[i:])
			}
			inWord = true
			word.WriteByte('$')
			i++
		default:
			inWord = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is open in %q", text)
	}
	end()
	return words, nil
}

func wantWords(t *testing.T, text string, command bool, want ...string) {
	t.Helper()
	got, err := readWords(text, command)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", text, diff)
	}
}

func TestTheUnitSaysWhatItIsAboutToDo(t *testing.T) {
	text, err := unitText(plainSpec())
	if err != nil {
		t.Fatal(err)
	}
	u := parseUnit(t, text)
	for key, want := range map[string]string{
		"Type": "notify", "NotifyAccess": "main", "WatchdogSec": "60", "KillMode": "process", "Delegate": "yes",
		"OOMPolicy": "continue", "TimeoutStopSec": "infinity", "Restart": "always", "RestartSec": "1",
		"ExecReload": "/bin/kill -HUP $MAINPID", "User": "builder", "LimitNOFILE": "65536:524288", "TasksMax": "infinity",
		"EnvironmentFile": "-/etc/default/runner", "SyslogIdentifier": "runner",
		"ExecStart": `"/usr/local/bin/runner" run --config "/etc/runner/config.toml" --working-directory "/var/lib/runner"`,
	} {
		if got := u.one(t, "Service", key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if after := strings.Fields(u.one(t, "Unit", "After")); len(after) == 0 || after[0] != "network-online.target" {
		t.Errorf("After=%s", after)
	}
	if got := u.one(t, "Install", "WantedBy"); got != "multi-user.target" {
		t.Errorf("WantedBy=%s", got)
	}
	if strings.ContainsAny(text, "{}") {
		t.Errorf("a placeholder is left in:\n%s", text)
	}
}

func TestPathsMeanThemselvesInTheUnit(t *testing.T) {
	for _, spec := range []Spec{plainSpec(), hostileSpec()} {
		text, err := unitText(spec)
		if err != nil {
			t.Fatal(err)
		}
		u := parseUnit(t, text)
		wantWords(t, u.one(t, "Service", "ExecStart"), true,
			spec.Program, "run", "--config", spec.Config, "--working-directory", spec.StateDir)
		wantWords(t, u.one(t, "Unit", "RequiresMountsFor"), false, spec.Config, spec.StateDir)
		wantWords(t, u.one(t, "Service", "User"), false, spec.User)
	}
}

func TestWhatTheConfigurationSaysStaysOffTheCommandLine(t *testing.T) {
	spec := plainSpec()
	spec.FixedStateDir, spec.User = false, ""
	text, err := unitText(spec)
	if err != nil {
		t.Fatal(err)
	}
	u := parseUnit(t, text)
	wantWords(t, u.one(t, "Service", "ExecStart"), true, spec.Program, "run", "--config", spec.Config)
	if _, found := u["Service"]["User"]; found {
		t.Error("User= without a user")
	}
}

func TestValuesThatNoUnitCanHoldAreRefused(t *testing.T) {
	for _, change := range []func(*Spec){
		func(s *Spec) { s.Program = "/opt/a\nExecStartPre=/bin/evil" },
		func(s *Spec) { s.Program = `/opt/"a"/runner` }, // systemd's own rule
		func(s *Spec) { s.Program = `/opt/a\b/runner` },
		func(s *Spec) { s.Config = "/etc/a\x00b" },
		func(s *Spec) { s.Config = "/etc/\xff" },
		func(s *Spec) { s.StateDir = "/srv/\x7f" },
		func(s *Spec) { s.StateDir = "/srv/\u0085" },
		func(s *Spec) { s.User = "a b" },
		func(s *Spec) { s.User = "a\nGroup=root" },
		func(s *Spec) { s.User = "-root" },
	} {
		spec := plainSpec()
		change(&spec)
		if text, err := unitText(spec); err == nil {
			t.Errorf("%+v gives:\n%s", spec, text)
		}
	}
}

func FuzzUnitWord(f *testing.F) {
	for _, seed := range []string{"/a b", `\`, `"`, "%", "$$", "'", "--config", "", " ", "a;b", "é", `\x20`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		later, err := unitWord(word, laterWord)
		if err != nil {
			t.Skip() // there is a test of what is refused
		}
		if first, err := unitWord(word, firstWord); err == nil {
			wantWords(t, first+" "+later, true, word, word)
		}
		plain, err := unitWord(word, plainWord)
		if err != nil {
			t.Fatal(err)
		}
		wantWords(t, "/program "+later+" "+later, true, "/program", word, word)
		wantWords(t, plain+" "+plain, false, word, word)
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{"runner", "a", "team-a_2.b", "9"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", ".", "-a", "a b", "a/b", "../a", "a@b", "a.", "ä", "a\n", strings.Repeat("a", 65)} {
		if err := CheckName(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if err := CheckName("runner.service"); err == nil || !strings.Contains(err.Error(), "--name runner") {
		t.Errorf("got %v", err)
	}
}

func TestExitCodesAreThoseOfSystemctl(t *testing.T) {
	for state, want := range map[State]int{Running: 0, Reloading: 0, Starting: 3, Stopping: 3, Stopped: 3, Failed: 3, NotInstalled: 4} {
		if got := (Status{State: state}).ExitCode(); got != want {
			t.Errorf("%s: got %d, want %d", state, got, want)
		}
	}
}
