package store

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multirunner/common"
	"multirunner/workflow/action/gittest"
)

func TestTheTokenIsSentOnlyWhenTheInstanceRefuses(t *testing.T) {
	b := newBench(t)
	b.publish("a/open", "one")
	b.publish("a/closed", "two")
	b.server.Repo("a/closed").Private("tokenA")
	p := b.prepare(b.store(), withToken(b.request("a/open@v1"), "job/one", "tokenA"), withToken(b.request("a/closed@v1"), "job/one", "tokenA"))
	b.wantFile(p.Actions[1], "action.yml", "name: two")
	b.wantAsked("fetch a/closed tokenA", "fetch a/open", "ls-refs a/closed", "ls-refs a/closed tokenA", "ls-refs a/open")
}

func TestWhatATokenOpenedStaysWithItsRepository(t *testing.T) {
	b := newBench(t)
	commit := b.publish("a/closed", "two")
	b.server.Repo("a/closed").Private("tokenA", "tokenB")
	first := b.prepare(b.store(), withToken(b.request("a/closed@v1"), "job/A", "tokenA"))
	b.asked()

	// Another job of the repository: pinned, it needs nobody.
	again := b.prepare(b.store(), withToken(b.request("a/closed@"+commit), "Job/a", "laterToken"))
	b.wantAsked()
	if again.Actions[0].Root != first.Actions[0].Root {
		t.Error("another job of the repository has a tree of its own")
	}
	// A job of another repository may read it too, but that is for the server to say.
	other := b.prepare(b.store(), withToken(b.request("a/closed@"+commit), "job/B", "tokenB"))
	b.wantAsked("fetch a/closed", "fetch a/closed tokenB")
	if other.Actions[0].Root == first.Actions[0].Root {
		t.Error("another repository shares the tree")
	}
	// One that may not does not get it, nor does a job without a token, nor one of another instance.
	err := b.fail(b.store(), withToken(b.request("a/closed@"+commit), "job/C", "tokenC"))
	if !strings.Contains(err.Error(), "this job's token may not read it") || strings.Contains(err.Error(), "tokenC") {
		t.Errorf("got %v", err)
	}
	b.fail(b.store(), b.request("a/closed@"+commit))
	elsewhere := withToken(b.request("a/closed@"+commit), "job/A", "tokenA")
	elsewhere.InstanceURL = "http://other.example"
	err = b.fail(b.store(), elsewhere)
	if !strings.Contains(err.Error(), "the job's token is sent to its own server only") {
		t.Errorf("got %v", err)
	}
	for _, asked := range b.asked()[1:] {
		if strings.Contains(asked, "tokenA") {
			t.Errorf("the token went to a server that is not its own: %s", asked)
		}
	}
	if n := b.entries(); n != 2 {
		t.Errorf("%d entries", n)
	}
}

func TestWhatIsOpenIsSharedByInstances(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	first := b.prepare(b.store(), withToken(b.request("a/b@v1"), "job/A", "tokenA"))
	q := withToken(b.request("a/b@v1"), "job/B", "tokenB")
	q.InstanceURL = "http://other.example"
	if second := b.prepare(b.store(), q); second.Actions[0].Root != first.Actions[0].Root {
		t.Error("another instance has a tree of its own")
	}
}

func TestTheTokenGoesToNoOtherServer(t *testing.T) {
	const uses = "http://host:3000/a/b@v1"
	for name, tc := range map[string]struct {
		uses, instance, server string
		sent                   bool
	}{
		"its own":                     {uses, "http://host:3000/", "", true},
		"case":                        {uses, "HTTP://Host:3000", "", true},
		"another port":                {uses, "http://host:3001", "", false},
		"the default port":            {uses, "http://host", "", false},
		"another scheme":              {uses, "https://host:3000", "", false},
		"a part of it":                {uses, "http://host:3000.example", "", false},
		"a subdomain":                 {uses, "http://a.host:3000", "", false},
		"a user":                      {uses, "http://host:3000@example", "", false},
		"nothing":                     {uses, "", "", false},
		"below a path":                {"http://host:3000/git/a/b@v1", "http://host:3000/git/", "", true},
		"beside its path":             {uses, "http://host:3000/git", "", false},
		"beside a path of that start": {"http://host:3000/git-x/a/b@v1", "http://host:3000/git", "", false},

		"its name for itself":                  {"https://git.example/a/b@v1", "http://gitea:3000", "https://git.example/", true},
		"the same without encryption":          {"http://git.example/a/b@v1", "http://gitea:3000", "http://git.example/", true},
		"a name below a path":                  {"https://git.example/git/a/b@v1", "http://gitea:3000", "https://git.example/git/", true},
		"beside the path of its name":          {"https://git.example/a/b@v1", "http://gitea:3000", "https://git.example/git/", false},
		"encryption would be lost":             {"http://git.example/a/b@v1", "https://gitea", "http://git.example/", false},
		"encryption would be lost on its host": {"http://gitea/a/b@v1", "https://gitea", "http://gitea/", false},
		"neither of its names":                 {"https://evil.example/a/b@v1", "http://gitea:3000", "https://git.example/", false},
		"its name with another port":           {"https://git.example:8443/a/b@v1", "http://gitea:3000", "https://git.example/", false},
		"no names":                             {"https://git.example/a/b@v1", "", "", false},
		"a name that is none":                  {uses, "http://gitea", "//host:3000", false},
	} {
		b := newBench(t)
		q := withToken(b.request(tc.uses), "job/A", "secret")
		q.InstanceURL, q.ServerURL = tc.instance, tc.server
		r, err := newRepository(q)
		if err != nil {
			t.Fatal(err)
		}
		if r.secret() != tc.sent {
			t.Errorf("%s: sent: %v", name, r.secret())
		}
	}
	for _, url := range []string{"ssh://git@host/a/b", "git@host:a/b"} {
		r, err := newRepository(Request{URL: url, InstanceURL: "ssh://git@host", ServerURL: "ssh://git@host", Token: common.NewSecret("x")})
		if err != nil || r.secret() || !r.ssh || len(r.scopes()) != 1 || r.scopes()[0] == "" {
			t.Errorf("%s: %+v, %v", url, r, err)
		}
	}
}

func TestPrivateActionsOfAServerWithTwoNames(t *testing.T) {
	b := newBench(t)
	b.publish("a/closed", "two")
	b.server.Repo("a/closed").Private("tokenA")
	q := withToken(b.request("a/closed@v1"), "job/one", "tokenA")
	q.InstanceURL, q.ServerURL = "http://gitea.internal:3000", b.url+"/"
	b.wantFile(b.prepare(b.store(), q).Actions[0], "action.yml", "name: two")

	elsewhere := &gittest.Server{}
	evil := b.serve(elsewhere)
	elsewhere.Repo("a/closed").Private("tokenA")
	q = withToken(b.request(evil+"/a/closed@v1"), "job/one", "tokenA")
	q.InstanceURL, q.ServerURL = "http://gitea.internal:3000", b.url+"/"
	b.fail(b.store(), q)
	for _, asked := range elsewhere.Requests() {
		if asked.Token != "" {
			t.Errorf("the token went to a server that the workflow names: %+v", asked)
		}
	}
}

func TestARedirectTakesNoTokenAlong(t *testing.T) {
	b := newBench(t)
	elsewhere := &gittest.Server{}
	repo := elsewhere.Repo("a/b")
	repo.Tag("v1", repo.Commit(gittest.Files{"action.yml": gittest.Text("name: x")}))
	repo.Private("tokenA") // it would let the token in
	other := b.serve(elsewhere)
	b.server.Intercept(func(w http.ResponseWriter, r *http.Request, _ gittest.Request) bool {
		http.Redirect(w, r, other+r.URL.String(), http.StatusTemporaryRedirect)
		return true
	})
	err := b.fail(b.store(), withToken(b.request("a/b@v1"), "job/A", "tokenA"))
	if !strings.Contains(err.Error(), "HTTP status 401") {
		t.Errorf("got %v", err)
	}
	asked := elsewhere.Requests()
	for _, a := range asked {
		if a.Token != "" {
			t.Errorf("asked %+v", a)
		}
	}
	if len(asked) == 0 {
		t.Error("the redirect was not followed")
	}
	repo.Private() // open again
	p := b.prepare(b.store(), withToken(b.request("a/b@v1"), "job/A", "tokenA"))
	b.wantFile(p.Actions[0], "action.yml", "name: x")
}

func TestCertificatesOfTheInstance(t *testing.T) {
	b := newBench(t)
	b.publish("a/b", "one")
	secure := httptest.NewUnstartedServer(b.server)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	secure.StartTLS()
	t.Cleanup(secure.Close)
	q := b.request("a/b@v1")
	q.URL, q.InstanceURL = secure.URL+"/a/b", secure.URL

	err := b.fail(b.store(), q)
	if !strings.Contains(err.Error(), "name its file as tls_ca_file") || strings.Contains(err.Error(), "attempts") {
		t.Errorf("without the CA: %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(secure.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.prepare(b.store(func(o *Options) { o.TLSCAFile = ca }), q)
	q.Reference.Ref = "main"
	b.prepare(b.store(func(o *Options) { o.InsecureInstance = true }), q)
	q.InstanceURL = b.url
	b.fail(b.store(func(o *Options) { o.InsecureInstance = true }), q)
	if err := b.fail(b.store(func(o *Options) { o.TLSCAFile = ca + "x" }), q); !strings.Contains(err.Error(), "tls_ca_file") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestNamesOfEntriesTellTheirKeyOnly(t *testing.T) {
	k := key{"", "https://host/a/My.Action_1", strings.Repeat("a", 40)}
	if got := k.name(); !strings.HasPrefix(got, "my-action-1-aaaaaaaaaaaa-") || len(got) > 80 {
		t.Errorf("got %s", got)
	}
	seen := map[string]bool{}
	for _, other := range []key{k, {"s", k.url, k.commit}, {"", k.url + "/", k.commit}, {"", k.url, strings.Repeat("a", 39) + "b"}, {"", "https://host/" + strings.Repeat("x", 300), k.commit}, {"", "git@h:../..", k.commit}} {
		name := other.name()
		if seen[name] || strings.ContainsAny(name, "/\\.") || len(name) > 80 {
			t.Errorf("%+v: %s", other, name)
		}
		seen[name] = true
	}
}

func TestSSHIsKeptPerRepository(t *testing.T) {
	b := newBench(t)
	q := b.request("git@host:a/b@v1")
	err := b.fail(b.store(func(o *Options) { o.SSH = []string{"no-such-program-here"} }), q)
	if !strings.Contains(err.Error(), "action git@host:a/b@v1 (git@host:a/b at v1)") || !strings.Contains(err.Error(), "need the ssh program on this machine") || strings.Contains(err.Error(), "attempts") {
		t.Errorf("got %v", err)
	}
}

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}
