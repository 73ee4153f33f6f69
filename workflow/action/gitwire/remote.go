package gitwire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"multirunner/common"
)

// agent is what servers are told: some take only those whose name begins so.
const agent = "git/multirunner"

// DefaultStall is how long a server may send nothing.
const DefaultStall = time.Minute

// Options say where a repository is and how to get there.
type Options struct {
	// URL is https://…, http://…, ssh://… or user@host:path, without a
	// password.
	URL string
	// Password goes to the host of URL, as Basic authentication, and to no
	// other, wherever redirects lead. The zero Secret sends none.
	Password common.Secret
	// Transport sends HTTP requests. It must not follow redirects; nil means
	// http.DefaultTransport.
	Transport http.RoundTripper
	// SSH is the ssh program with arguments; none means "ssh".
	SSH []string
	// Stall is how long a server may send nothing; 0 means DefaultStall.
	Stall time.Duration
}

// Ref is a name of an object.
type Ref struct {
	Name   string // in full: refs/tags/v1
	ID     string // 40 hex digits
	Peeled string // of an annotated tag: what it leads to
}

// Commit gives what the ref leads to.
func (r Ref) Commit() string {
	if r.Peeled != "" {
		return r.Peeled
	}
	return r.ID
}

// Remote is a repository on a server. It is safe for concurrent use.
type Remote interface {
	// Refs gives the refs with these full names that there are, and perhaps
	// others. It is one request where the server speaks the second version of
	// the protocol.
	Refs(ctx context.Context, names []string) ([]Ref, error)
	// Fetch hands the pack of a commit, or of a tag and its commit, to use,
	// without their history. An error of use comes back as it is.
	Fetch(ctx context.Context, id string, use func(pack io.Reader) error) error
}

// Open makes the Remote of a URL. It sends nothing.
func Open(o Options) (Remote, error) {
	if o.Stall <= 0 {
		o.Stall = DefaultStall
	}
	if strings.ContainsAny(o.URL, " '\"\\\n!$`") { // it becomes part of a command behind SSH
		return nil, fmt.Errorf("%q is not the URL of a repository", o.URL)
	}
	if host, path, short := cutShort(o.URL); short {
		return newSSH(o, host, "", path), nil
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the URL of a repository", o.URL)
	}
	switch u.Scheme {
	case "http", "https":
		return newHTTP(o, u), nil
	case "ssh":
		host := u.Hostname()
		if user := u.User.Username(); user != "" {
			host = user + "@" + host
		}
		return newSSH(o, host, u.Port(), u.Path), nil
	}
	return nil, fmt.Errorf("%q: git is not spoken over %s here", o.URL, u.Scheme)
}

// cutShort takes user@host:path apart.
func cutShort(text string) (host, path string, ok bool) {
	host, path, ok = strings.Cut(text, ":")
	return host, path, ok && !strings.HasPrefix(path, "//") && !strings.Contains(host, "/")
}
