package commands

import (
	"strings"
	"testing"
)

func TestUnregisterRemovesTheBlockOnly(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, "# mine\n"+goodConfig)
	w.must(t, "unregister", "-c", path, "--name", "a")
	want := "# mine\n" + goodConfig[strings.LastIndex(goodConfig, "\n[[runners]]"):]
	if got := content(t, path); got != want {
		t.Errorf("got\n%s", got)
	}
	contains(t, w.stdout.String(), "removed a (https://git.example.org, uuid-a) from "+path,
		"stays until it is deleted there", "https://git.example.org/-/admin/actions/runners")
}

func TestUnregisterAll(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, "concurrent = 2\n"+goodConfig)
	w.must(t, "unregister", "-c", path, "--all")
	if got := content(t, path); got != "concurrent = 2\n" {
		t.Errorf("got\n%s", got)
	}
	w.must(t, "unregister", "-c", path, "--all")
	contains(t, w.stdout.String(), "has no registrations")
}

func TestUnregisterRefusesWhatIsNotClear(t *testing.T) {
	w := newWorld(t)
	twice := strings.Replace(goodConfig, `name = "b"`, `name = "a"`, 1)
	for _, tt := range []struct {
		text string
		args []string
		want string
	}{
		{goodConfig, nil, "give either --name NAME or --all"},
		{goodConfig, []string{"--name", "a", "--all"}, "give either --name NAME or --all"},
		{goodConfig, []string{"--name", "c"}, `no registration named "c": did you mean a?`},
		{goodConfig, []string{"--name", "something"}, `no registration named "something": runner list shows them`},
		{twice, []string{"--name", "a"}, `2 registrations named "a"`},
		{"x = \n", []string{"--name", "a"}, "config.toml:1: "},
	} {
		path := tomlFile(t, tt.text)
		w.fails(t, append([]string{"unregister", "-c", path}, tt.args...), tt.want)
		if content(t, path) != tt.text {
			t.Errorf("%v: the file has changed", tt.args)
		}
	}
}
