package gitwire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"time"
)

var (
	// ErrNoCommit means that the repository is there and the commit is not.
	ErrNoCommit = errors.New("the repository has no such commit")
	// ErrNotGit means that what answers is no git server, or none that this
	// package can talk to.
	ErrNotGit = errors.New("not a git server")
	// ErrStalled means that the server sent nothing for too long.
	ErrStalled = errors.New("the server sent nothing for too long")
	// errCut means that an answer ended before its end.
	errCut = errors.New("the connection ended within the answer")
)

// StatusError is an HTTP status that is no success.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // 0 when the server named none
	Text       string        // the first line of what came with it, "" for none
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("HTTP status %d", e.Code)
	if name := http.StatusText(e.Code); name != "" {
		text += " " + name
	}
	if e.Text != "" {
		text += " (" + e.Text + ")"
	}
	return text
}

// RemoteError is what the git of the server says went wrong there.
type RemoteError struct{ Text string }

func (e *RemoteError) Error() string { return "the git server says: " + e.Text }

// Denied tells whether the server may let in who has a better password: many
// say "not found" of what one may not see.
func Denied(err error) bool {
	var status *StatusError
	if !errors.As(err, &status) {
		return false
	}
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return true
	}
	return false
}

// Temporary tells whether the same may succeed in a while.
func Temporary(err error) bool {
	var status *StatusError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil, errors.Is(err, ErrNoCommit), errors.Is(err, ErrNotGit), errors.As(err, &certificate), errors.Is(err, errRedirect), errors.Is(err, exec.ErrNotFound):
		return false
	case errors.As(err, &status):
		return temporaryStatus(status.Code)
	}
	// The rest is the connection's, or of a git that died on the server.
	return true
}

func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return code >= 500
}
