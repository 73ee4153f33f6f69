package gitwire

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"multirunner/common"
	"multirunner/workflow/action/gittest"
)

// serve starts a server on the loopback.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// transport is closed with the test.
func transport(t *testing.T) http.RoundTripper {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func open(t *testing.T, url, password string) Remote {
	t.Helper()
	r, err := Open(Options{URL: url, Password: common.NewSecret(password), Transport: transport(t), Stall: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fetch(r Remote, id string) ([]byte, error) {
	var pack []byte
	err := r.Fetch(context.Background(), id, func(from io.Reader) (err error) {
		pack, err = io.ReadAll(from)
		return err
	})
	return pack, err
}

func find(refs []Ref, name string) Ref {
	for _, ref := range refs {
		if ref.Name == name {
			return ref
		}
	}
	return Ref{}
}

func commands(asked []gittest.Request) []string {
	var list []string
	for _, a := range asked {
		list = append(list, a.Command)
	}
	return list
}

// sample is a repository with a branch, a tag and an annotated tag.
func sample(s *gittest.Server) (repo *gittest.Repo, commit, tag string) {
	repo = s.Repo("a/b")
	commit = repo.Commit(gittest.Files{"action.yml": gittest.Text("x")})
	repo.Branch("main", commit)
	repo.Tag("v1.0", commit)
	return repo, commit, repo.Annotate("v1", commit)
}
