package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"

	"multirunner/workflow/action/gitpack"
	"multirunner/workflow/action/gitwire"
)

// ErrOffline means that the offline mode forbids what would be needed.
var ErrOffline = errors.New("is not in the store, and the offline mode is on")

// ErrNoRef means that the repository has neither a branch nor a tag of a name.
var ErrNoRef = errors.New("the repository has no such branch or tag")

// Error is an action that could not be prepared.
type Error struct {
	Action string // as in `uses`
	URL    string // of the repository
	Ref    string
	Err    error
	Advice string // what to do, "" when there is nothing to say
}

// Error names the action, where it was looked for, what is wrong and what to do.
func (e *Error) Error() string {
	text := fmt.Sprintf("action %s (%s at %s): %v", e.Action, e.URL, e.Ref, e.Err)
	if e.Advice != "" {
		text += ": " + e.Advice
	}
	return text
}

// Unwrap gives the fault.
func (e *Error) Unwrap() error { return e.Err }

// fail makes the error of one reference of a repository.
func (r *repository) fail(ref string, err error) error {
	return &Error{Action: r.actions[ref], URL: r.url, Ref: ref, Err: err, Advice: r.advice(ref, err)}
}

// advice says what to do about a fault.
func (r *repository) advice(ref string, err error) string {
	var certificate *tls.CertificateVerificationError
	var file *fs.PathError
	switch {
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return ""
	case gitwire.Denied(err) && r.ssh:
		return ""
	case gitwire.Denied(err) && !r.own:
		return r.elsewhere("the job's token is sent to its own server only, so that private repositories of other servers cannot be used")
	case gitwire.Denied(err) && r.token.IsZero():
		return r.elsewhere("there is no token to open a private repository with")
	case gitwire.Denied(err):
		return r.elsewhere("or this job's token may not read it: see the repository's settings for access by actions")
	case errors.Is(err, ErrNoRef) && looksShort(ref):
		return "a commit must be given in full, with all 40 digits"
	case errors.Is(err, ErrNoRef):
		return "check what stands behind the @"
	case errors.Is(err, gitwire.ErrNoCommit):
		return "check the digits behind the @, and whether the commit was replaced since or is of a fork"
	case errors.Is(err, ErrOffline):
		return "run a job that uses it once with the offline mode off"
	case errors.Is(err, gitwire.ErrNotGit):
		return "check the URL, and that the server offers git over smart HTTP"
	case errors.As(err, &certificate):
		return "when the server has a CA of its own, name its file as tls_ca_file"
	case errors.Is(err, gitpack.ErrLimit):
		return "an action's repository must be smaller"
	case errors.Is(err, gitpack.ErrRefused), errors.As(err, &file), errors.Is(err, gitpack.ErrMalformed), errors.Is(err, exec.ErrNotFound):
		return ""
	case r.ssh:
		return "the runner's user must be able to reach it with ssh and without a question"
	}
	return "can this machine reach the server?"
}

// elsewhere is the advice for a repository that is not there, or not for us.
func (r *repository) elsewhere(reason string) string {
	text := "the repository is not there, or private: " + reason
	if strings.HasPrefix(reason, "or ") {
		text = "the repository is not there, " + reason
	}
	if r.short {
		text += "; an action without a URL is looked for on the server that the instance names as default"
	}
	return text
}

// looksShort knows what is likely meant as a commit.
func looksShort(ref string) bool {
	return len(ref) >= 7 && len(ref) < 40 && strings.Trim(strings.ToLower(ref), "0123456789abcdef") == ""
}
