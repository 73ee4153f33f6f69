package commands

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestListIsAnAlignedTableWithoutTokens(t *testing.T) {
	w := newWorld(t)
	w.must(t, "list", "-c", tomlFile(t, goodConfig))
	want := `NAME  URL                       UUID    LABELS                                 EXECUTOR  LIMIT
a     https://git.example.org   uuid-a  linux:host,node:docker://node:22,bare  shell     2
b     https://git.example.org/  uuid-b  linux:host                             shell     none
`
	if diff := cmp.Diff(want, w.stdout.String()); diff != "" {
		t.Error(diff)
	}
	contains(t, w.stderr.String(), "warning: a: executor docker is missing, so node cannot run here: this build of runner does not have it")
}

func TestListTellsWhyAnExecutorIsMissing(t *testing.T) {
	w := newWorld(t)
	w.env.Providers["docker"] = fakeProvider{"docker", []string{"docker"}, "no engine answers"}
	w.env.Providers["shell"] = fakeProvider{"shell", []string{"host"}, "wrong system"}
	w.must(t, "list", "--json", "-c", tomlFile(t, goodConfig))
	got := fromJSON[[]listed](t, w.stdout.String())
	want := []missingExecutor{
		{"shell", []string{"linux", "bare"}, "wrong system"},
		{"docker", []string{"node"}, "no engine answers"},
	}
	if diff := cmp.Diff(want, got[0].MissingExecutors); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(w.stdout.String(), "secret-") {
		t.Error("a token is shown")
	}
}

func TestListShowsBrokenRegistrationsToo(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, strings.Replace(goodConfig, "limit = 2", `limit = "two"`, 1))
	w.must(t, "list", "-c", path)
	contains(t, w.stderr.String(), "warning: "+path+":8: runners.limit: is text, must be an integer")
	w.must(t, "list", "--json", "-c", path)
	got := fromJSON[[]listed](t, w.stdout.String())
	if len(got) != 2 || len(got[0].Problems) != 1 || len(got[1].Problems) != 0 || got[0].Name != "a" {
		t.Errorf("got %+v", got)
	}
}

func TestListOfNothing(t *testing.T) {
	w := newWorld(t)
	path := tomlFile(t, "")
	w.must(t, "list", "-c", path)
	contains(t, w.stdout.String(), "no registrations: runner register adds one")
	w.must(t, "list", "--json", "-c", path)
	if got := strings.TrimSpace(w.stdout.String()); got != "[]" {
		t.Errorf("got %s", got)
	}
}
