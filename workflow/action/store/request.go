package store

import (
	"fmt"
	"net/url"
	"strings"
	"sync"

	"multirunner/common"
	"multirunner/workflow/action"
	"multirunner/workflow/action/gitwire"
)

// Request asks for the repository of an action.
type Request struct {
	// Reference is of kind action.Repository.
	Reference action.Reference
	// URL is where the repository is fetched from: Reference.URL, completed by
	// the server's default actions URL.
	URL string
	// InstanceURL is the job's own server, as the registration names it.
	InstanceURL string
	// ServerURL is what that server calls itself (github.server_url), which
	// may be another name. No workflow may choose it. It may be empty.
	ServerURL string
	// Repository is the job's own, "owner/name": whose rights the token has.
	Repository string
	// Token is the job's task token. It may be zero.
	Token common.Secret
}

// repository is what the requests of one repository have in common.
type repository struct {
	url   string
	home  bool   // where the registration says that the job's own server is
	own   bool   // of the job's own server, which may see the token
	ssh   bool   // behind SSH
	short bool   // a server was completed to one of its references
	scope string // of what is not open to everybody
	token common.Secret

	refs    []string          // that are asked for, in order
	actions map[string]string // by ref: what wants it, for errors and rows

	mu       sync.Mutex
	opened   bool // with the token: without it the server refused
	remotes  [2]gitwire.Remote
	commits  map[string]string // by ref
	failures map[string]error  // by ref
	entries  map[string]*entry // by commit
}

// group takes requests of the same repository together.
func group(requests []Request) (map[string]*repository, error) {
	repositories := map[string]*repository{}
	for _, q := range requests {
		ref := q.Reference
		if ref.Kind != action.Repository || ref.Ref == "" {
			return nil, fmt.Errorf("action %s is in no repository", ref)
		}
		r := repositories[q.URL]
		if r == nil {
			var err error
			if r, err = newRepository(q); err != nil {
				return nil, err
			}
			repositories[q.URL] = r
		}
		r.short = r.short || ref.Base == ""
		if _, known := r.actions[ref.Ref]; !known {
			r.refs = append(r.refs, ref.Ref)
			r.actions[ref.Ref] = ref.String()
		}
	}
	return repositories, nil
}

func newRepository(q Request) (*repository, error) {
	r := &repository{
		url: q.URL, token: q.Token,
		scope:   common.ServerHash(q.InstanceURL) + " " + strings.ToLower(q.Repository),
		actions: map[string]string{}, commits: map[string]string{}, failures: map[string]error{}, entries: map[string]*entry{},
	}
	// Only to say early what is wrong with it.
	if _, err := gitwire.Open(gitwire.Options{URL: q.URL}); err != nil {
		return nil, fmt.Errorf("action %s: %w", q.Reference, err)
	}
	u, err := url.Parse(q.URL)
	r.ssh = err != nil || u.Scheme != "http" && u.Scheme != "https"
	if r.ssh {
		return r, nil
	}
	instance, server := parseServer(q.InstanceURL), parseServer(q.ServerURL)
	r.home = origin(u) != "" && origin(u) == origin(instance)
	r.own = below(u, instance) || below(u, server) && !(instance.Scheme == "https" && server.Scheme != "https")
	return r, nil
}

// parseServer reads the URL of a server. One that cannot be read has no origin.
func parseServer(text string) *url.URL {
	u, err := url.Parse(common.NormalizeURL(strings.TrimSpace(text)))
	if err != nil {
		return &url.URL{}
	}
	return u
}

// origin gives scheme, host and port in the form that is compared.
func origin(u *url.URL) string {
	if u.Host == "" || u.User != nil {
		return ""
	}
	return common.NormalizeURL(u.Scheme + "://" + u.Host)
}

// below tells whether a URL is one of a server: of its host, and below its path
// if it has one. Beside it there may be others on the same host.
func below(u, server *url.URL) bool {
	path := strings.TrimRight(server.Path, "/") + "/"
	return origin(u) != "" && origin(u) == origin(server) && strings.HasPrefix(u.Path, path)
}

// identity names the repository in keys of the store.
func (r *repository) identity() string {
	if r.ssh {
		return r.url
	}
	return strings.TrimSuffix(common.NormalizeURL(r.url), ".git")
}

// secret tells whether there is a token that may be sent.
func (r *repository) secret() bool { return r.own && !r.token.IsZero() }

// scopes gives those in which the repository may be, the open one first.
func (r *repository) scopes() []string {
	switch {
	case r.ssh:
		return []string{r.scope}
	case r.secret():
		return []string{"", r.scope}
	}
	return []string{""}
}

// remote gives the connection for a scope: with the token, or without.
func (s *Store) remote(r *repository, scope string) (gitwire.Remote, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := 0
	if scope != "" {
		i = 1
	}
	if r.remotes[i] != nil {
		return r.remotes[i], nil
	}
	options := gitwire.Options{URL: r.url, SSH: s.options.SSH, Stall: s.options.Stall}
	if scope != "" && !r.ssh {
		options.Password = r.token
	}
	var err error
	if options.Transport, err = s.transport(r.home); err != nil {
		return nil, err
	}
	r.remotes[i], err = gitwire.Open(options)
	return r.remotes[i], err
}

// each does something in the scopes of the repository until the server does
// not refuse. It gives the last scope.
func (r *repository) each(do func(scope string) error) (scope string, err error) {
	scopes := r.scopes()
	r.mu.Lock()
	if r.opened {
		scopes = scopes[len(scopes)-1:]
	}
	r.mu.Unlock()
	for _, scope = range scopes {
		if err = do(scope); !gitwire.Denied(err) {
			break
		}
	}
	if err == nil && scope != "" {
		r.mu.Lock()
		r.opened = true
		r.mu.Unlock()
	}
	return scope, err
}
