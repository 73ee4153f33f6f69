package action

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a reference. Servers and file systems have smaller ones.
const (
	maxRefLength  = 250
	maxPathLength = 500
)

var errCredentials = errors.New("holds a user name or password, which everybody who reads the workflow sees; write it without")

// parseRepository parses owner/repo[/path]@ref. Only where there is a server
// with it (full), the name of the repository may have more than two parts: one
// that ends in .git is its last.
func parseRepository(base, text string, full bool) (Reference, error) {
	where, ref, found := strings.Cut(text, "@")
	if !found || ref == "" {
		return Reference{}, fmt.Errorf("has no @ref: say which branch, tag or commit to use, as in %s@v1", excerpt(where))
	}
	if err := checkRef(ref); err != nil {
		return Reference{}, err
	}
	parts := strings.Split(strings.TrimRight(where, "/"), "/")
	if len(parts) < 2 {
		return Reference{}, fmt.Errorf("names no repository: it needs an owner and a name; %s", forms)
	}
	last := 1
	for i, part := range parts {
		if part == "" || part == "." || part == ".." {
			return Reference{}, fmt.Errorf("%q cannot be part of the path to a repository", part)
		}
		if full && i > 1 && last == 1 && strings.HasSuffix(part, ".git") && !strings.HasSuffix(parts[1], ".git") {
			last = i
		}
	}
	for _, part := range parts[:last+1] {
		if !isWord(part) {
			return Reference{}, fmt.Errorf("%q is not the name of an owner or a repository: they have letters, digits, dashes, underscores and dots", excerpt(part))
		}
	}
	r := Reference{
		Kind: Repository, Base: base, Ref: ref,
		Name: strings.Join(parts[:last+1], "/"), Path: strings.Join(parts[last+1:], "/"),
	}
	if len(r.Name) > maxPathLength || len(r.Path) > maxPathLength {
		return Reference{}, fmt.Errorf("its path is longer than %d bytes", maxPathLength)
	}
	return r, nil
}

// isWord knows what owners, repositories and users are named with.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if c != '-' && c != '_' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != "" && s[0] != '-'
}

// checkRef holds the rules of git check-ref-format.
func checkRef(ref string) error {
	wrong := strings.HasPrefix(ref, "-") || strings.HasPrefix(ref, "/") || strings.HasSuffix(ref, "/") || strings.HasSuffix(ref, ".") ||
		strings.ContainsAny(ref, "~^:?*[") || len(ref) > maxRefLength || ref == "@"
	for _, bad := range []string{"..", "//", "@{", "/."} {
		wrong = wrong || strings.Contains(ref, bad)
	}
	for _, part := range strings.Split(ref, "/") {
		wrong = wrong || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if wrong {
		return fmt.Errorf("%q is not the name of a branch or tag, nor a commit", excerpt(ref))
	}
	return nil
}

// excerpt keeps what somebody wrote short in an error.
func excerpt(s string) string {
	const limit = 120
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
