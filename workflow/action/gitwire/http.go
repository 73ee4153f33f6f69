package gitwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

const (
	uploadPack   = "/git-upload-pack"
	infoRefs     = "/info/refs"
	service      = "?service=git-upload-pack"
	requestType  = "application/x-git-upload-pack-request"
	resultType   = "application/x-git-upload-pack-result"
	advertType   = "application/x-git-upload-pack-advertisement"
	maxRedirects = 5
	// user goes with a password; servers look at the password only.
	user = "x-access-token"
)

// errRedirect means that a redirect was not followed.
var errRedirect = errors.New("redirected to where it is not followed")

// httpRemote is a repository behind smart HTTP.
type httpRemote struct {
	options   Options
	transport http.RoundTripper
	home      *url.URL // where the password may go

	mu     sync.Mutex
	base   *url.URL // where redirects have led
	advert *advert  // nil as long as the second version is taken for granted
}

func newHTTP(o Options, u *url.URL) *httpRemote {
	home := *u
	home.User, home.Path, home.RawPath = nil, strings.TrimRight(u.Path, "/"), ""
	r := &httpRemote{options: o, transport: o.Transport, home: &home, base: &home}
	if r.transport == nil {
		r.transport = http.DefaultTransport
	}
	return r
}

// Refs asks in the second version at once: nearly all servers speak it, and
// there is nothing in their introduction that would change the question. Those
// that do not understand it are asked to introduce themselves, as git does.
func (r *httpRemote) Refs(ctx context.Context, names []string) ([]Ref, error) {
	a := r.known()
	if a == nil || a.v2 {
		refs, err := ask(ctx, r, listRequest(names), readList)
		if a != nil || !unclear(err) {
			return refs, err
		}
	}
	// The refs of the first version are asked for again: they are what may
	// have changed.
	a, err := r.introduce(ctx)
	if err != nil {
		return nil, err
	}
	if a.v2 {
		return ask(ctx, r, listRequest(names), readList)
	}
	return a.refs, nil
}

// Fetch does the same for a commit.
func (r *httpRemote) Fetch(ctx context.Context, id string, use func(io.Reader) error) error {
	a := r.known()
	if a == nil {
		err := r.fetch(ctx, fetchRequest(id), packOf, use)
		if !unclear(err) {
			return err
		}
		if a, err = r.introduce(ctx); err != nil {
			return err
		}
	}
	if a.v2 {
		return r.fetch(ctx, fetchRequest(id), packOf, use)
	}
	request, err := a.oldRequest(id)
	if err != nil {
		return err
	}
	return r.fetch(ctx, request, oldPackOf, use)
}

// usedError is an error of whoever uses the pack: it is nobody else's.
type usedError struct{ err error }

func (e *usedError) Error() string { return e.err.Error() }

func (r *httpRemote) fetch(ctx context.Context, request []byte, start func(*packetReader) (*sideband, error), use func(io.Reader) error) error {
	_, err := ask(ctx, r, request, func(p *packetReader) (struct{}, error) {
		pack, err := start(p)
		if err != nil {
			return struct{}{}, err
		}
		if err := use(pack); err != nil {
			return struct{}{}, &usedError{err}
		}
		// To the end, so that the connection can be used again.
		_, err = io.Copy(io.Discard, io.LimitReader(pack, maxPacket))
		return struct{}{}, err
	})
	if used := (*usedError)(nil); errors.As(err, &used) {
		return used.err
	}
	return err
}

// unclear tells whether an error may come from a server that does not
// understand the second version, or that tells only who asks for its
// introduction where the repository is (GitLab: …/name.git). It may say
// anything but that one must say who one is, that it is busy, or that there is
// no such commit.
func unclear(err error) bool {
	var status *StatusError
	var remote *RemoteError
	var used *usedError
	switch {
	case err == nil, errors.As(err, &used), errors.Is(err, ErrNoCommit):
		return false
	case errors.As(err, &status):
		switch status.Code {
		case http.StatusUnauthorized, http.StatusTooManyRequests,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return false
		}
		return true
	}
	return errors.As(err, &remote) || errors.Is(err, ErrNotGit) || errors.Is(err, errCut) || errors.Is(err, errRedirect)
}

func (r *httpRemote) known() *advert {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.advert
}

// introduce asks the server what it speaks, and in the first version for all
// of its refs.
func (r *httpRemote) introduce(ctx context.Context) (*advert, error) {
	a, err := exchange(ctx, r, http.MethodGet, infoRefs, nil, advertType, func(p *packetReader) (*advert, error) {
		return readAdvert(p, true)
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advert = a
	return a, nil
}

func ask[T any](ctx context.Context, r *httpRemote, request []byte, read func(*packetReader) (T, error)) (T, error) {
	return exchange(ctx, r, http.MethodPost, uploadPack, request, resultType, read)
}

// exchange sends a request, follows redirects and reads the answer, watching
// that it goes on.
func exchange[T any](ctx context.Context, r *httpRemote, method, suffix string, body []byte, wanted string, read func(*packetReader) (T, error)) (T, error) {
	var none T
	watched, watch := newWatch(ctx, r.options.Stall)
	defer watch.stop()
	for range maxRedirects + 1 {
		response, err := r.send(watched, method, suffix, body)
		if err != nil {
			return none, watch.explain(err)
		}
		moved, err := r.follow(response, suffix)
		if err == nil && !moved {
			var got T
			got, err = readBody(response, wanted, watch, read)
			response.Body.Close()
			return got, watch.explain(err)
		}
		response.Body.Close()
		if err != nil {
			return none, err
		}
	}
	return none, fmt.Errorf("%w: more than %d times", errRedirect, maxRedirects)
}

func readBody[T any](response *http.Response, wanted string, watch *watch, read func(*packetReader) (T, error)) (T, error) {
	var none T
	body := watch.reader(response.Body)
	if response.StatusCode != http.StatusOK {
		return none, statusError(response, body)
	}
	got, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(got) != wanted {
		return none, fmt.Errorf("%w: it answers with %q", ErrNotGit, oneLine(got))
	}
	value, err := read(&packetReader{r: body})
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w (%w)", errCut, err)
	}
	return value, err
}

func (r *httpRemote) send(ctx context.Context, method, suffix string, body []byte) (*http.Response, error) {
	r.mu.Lock()
	to := *r.base
	r.mu.Unlock()
	to.Path += suffix
	if method == http.MethodGet {
		to.RawQuery = service[1:]
	}
	request, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", agent)
	request.Header.Set("Git-Protocol", "version=2")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", requestType)
		request.Header.Set("Accept", resultType)
	}
	if sameOrigin(&to, r.home) && !r.options.Password.IsZero() {
		request.SetBasicAuth(user, r.options.Password.Reveal())
	}
	return r.transport.RoundTrip(request)
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

// follow takes over where a redirect leads: to the same request of another
// repository, and never from https to http.
func (r *httpRemote) follow(response *http.Response, suffix string) (moved bool, err error) {
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return false, nil
	}
	to, err := response.Location()
	if err != nil {
		return false, fmt.Errorf("%w: the server does not say where to", errRedirect)
	}
	path, ok := strings.CutSuffix(to.Path, suffix)
	from := response.Request.URL
	switch {
	case to.Scheme != "https" && to.Scheme != from.Scheme || to.Scheme != "https" && to.Scheme != "http":
		return false, fmt.Errorf("%w: from %s to %s", errRedirect, from.Scheme, to.Scheme)
	case !ok:
		return false, fmt.Errorf("%w: %s is no repository", errRedirect, safe(to))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base = &url.URL{Scheme: to.Scheme, Host: to.Host, Path: path}
	return true, nil
}

// safe gives a URL for people, without what may be secret.
func safe(u *url.URL) string {
	return oneLine((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}
