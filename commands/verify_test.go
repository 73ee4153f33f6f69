package commands

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"multirunner/network/coordinator"
)

func block(name, url, uuid, token string) string {
	return fmt.Sprintf("[[runners]]\nname = %q\nurl = %q\nuuid = %q\nlabels = [\"linux:host\"]\n%s\n", name, url, uuid, token)
}

func TestVerifyTellsLivingFromDead(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	row := server.AddRunner(coordinator.RunnerSpec{Name: "there"})
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html>"))
	})
	good := block("good", server.url, row.UUID, fmt.Sprintf("token = %q", row.Token))
	path := tomlFile(t, good)
	w.must(t, "verify", "-c", path)
	contains(t, w.stdout.String(), "NAME", "good  "+server.url+"  ok")

	path = tomlFile(t, good+
		block("deleted", server.url, "no-such-uuid", `token = "x"`)+
		block("away", "http://127.0.0.1:1", "u1", `token = "x"`)+
		block("other", other, "u2", `token = "x"`)+
		block("fileless", server.url, "u3", `token_file = "none"`))
	w.fails(t, []string{"verify", "-c", path}, "4 of 5 registrations not well")
	w.fails(t, []string{"verify", "--json", "-c", path})
	got := map[string]verified{}
	for _, v := range fromJSON[[]verified](t, w.stdout.String()) {
		got[v.Name] = v
	}
	for name, want := range map[string]string{
		"good":     "",
		"deleted":  "the server does not know this runner: it was deleted there, or its token is wrong; `runner unregister --name deleted`",
		"away":     "refused",
		"other":    "HTTP 200",
		"fileless": `registration "fileless": token file`,
	} {
		if v := got[name]; v.OK != (want == "") || !strings.Contains(v.Message, want) {
			t.Errorf("%s: got %+v, want %q", name, v, want)
		}
	}
}

func TestVerifyNamesMissingExecutors(t *testing.T) {
	server, w := newInstance(t), newWorld(t)
	row := server.AddRunner(coordinator.RunnerSpec{Name: "there"})
	w.env.Providers["shell"] = fakeProvider{"shell", []string{"host"}, "wrong system"}
	w.must(t, "verify", "-c", tomlFile(t, block("a", server.url, row.UUID, fmt.Sprintf("token = %q", row.Token))))
	contains(t, w.stderr.String(), "warning: a: executor shell is missing, so linux cannot run here: wrong system")
}

func TestVerifyOfNothingIsWell(t *testing.T) {
	w := newWorld(t)
	w.must(t, "verify", "-c", tomlFile(t, ""))
	contains(t, w.stdout.String(), "no registrations")
}
