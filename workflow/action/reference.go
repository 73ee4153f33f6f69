package action

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Kind is what a reference leads to.
type Kind int

// The kinds of references.
const (
	Repository Kind = iota // an action in a git repository
	Local                  // a directory of the workspace
	Docker                 // an image
)

// Reference is a parsed `uses`. Two that mean the same are equal (==).
type Reference struct {
	Kind Kind

	// Base is where the repository's server is: "https://host[:port]",
	// "http://…", "ssh://[user@]host[:port]", or "[user@]host:" for the short
	// form of SSH, whose paths begin at the user's home. It is empty for
	// owner/repo, which the job's server completes.
	Base string
	// Name is the path of the repository, "owner/repo" as written.
	Name string
	// Ref is the branch, tag or commit.
	Ref string
	// Path is the directory of the action, slash-separated and clean: below
	// the repository, or below the workspace for Local. It is empty for the
	// top.
	Path string
	// Image is the image of a Docker reference, without "docker://".
	Image string
}

// String gives the reference as one writes it after `uses:`.
func (r Reference) String() string {
	switch r.Kind {
	case Local:
		return "./" + r.Path
	case Docker:
		return "docker://" + r.Image
	}
	text := r.Name
	if r.Base != "" {
		text = r.URL("")
	}
	if r.Path != "" {
		text += "/" + r.Path
	}
	return text + "@" + r.Ref
}

// URL gives the URL to fetch the repository from. base completes a reference
// without a server of its own: the job's default actions URL.
func (r Reference) URL(base string) string {
	switch {
	case r.Base == "":
		return strings.TrimRight(base, "/") + "/" + r.Name
	case strings.HasSuffix(r.Base, ":"):
		return r.Base + r.Name
	}
	return r.Base + "/" + r.Name
}

// Under gives the reference as an instance at a URL with a path has it:
// https://host/path/owner/repo is owner/repo of the instance https://host/path.
// A reference that is not below the URL is given as it is.
func (r Reference) Under(instance string) Reference {
	u, err := url.Parse(strings.TrimRight(instance, "/"))
	if err != nil || r.Kind != Repository || strings.HasSuffix(r.Name, ".git") {
		return r
	}
	prefix := strings.TrimPrefix(u.Path, "/") + "/"
	host, err := checkAuthority(strings.ToLower(u.Scheme), u.Host)
	if err != nil || prefix == "/" || r.Base != strings.ToLower(u.Scheme)+"://"+host {
		return r
	}
	below, found := strings.CutPrefix(r.Name+"/"+r.Path, prefix)
	parts := strings.SplitN(below, "/", 3)
	if !found || len(parts) < 2 || parts[1] == "" {
		return r
	}
	r.Base += "/" + strings.TrimSuffix(prefix, "/")
	r.Name, r.Path = parts[0]+"/"+parts[1], ""
	if len(parts) == 3 {
		r.Path = parts[2]
	}
	return r
}

// Pinned tells whether the reference names a commit in full, so that nobody
// can make it lead elsewhere later.
func (r Reference) Pinned() bool { return r.Kind == Repository && isHex(r.Ref) && len(r.Ref) == 40 }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// forms is what errors offer.
const forms = `write owner/repo@ref, owner/repo/path@ref, https://host/owner/repo@ref, ssh://git@host/owner/repo@ref, ./path or docker://image`

// ParseUses parses what stands behind `uses` of a step. It touches nothing.
// The error says what is wrong with the text, which it quotes.
func ParseUses(text string) (Reference, error) {
	trimmed := strings.TrimSpace(text)
	r, err := parseUses(trimmed)
	if errors.Is(err, errCredentials) {
		return Reference{}, fmt.Errorf("uses: the URL %w", err) // not quoted: logs are read by more people
	}
	if err != nil {
		return Reference{}, fmt.Errorf("uses: %q: %w", excerpt(trimmed), err)
	}
	return r, nil
}

func parseUses(text string) (Reference, error) {
	scheme, rest, hasScheme := strings.Cut(text, "://")
	isLocal := text == "." || strings.HasPrefix(text, "./") || text == ".." || strings.HasPrefix(text, "../")
	bad := strings.IndexFunc(text, func(c rune) bool { return c < ' ' || c == ' ' && !isLocal || c == 0x7f || c == '\\' })
	switch {
	case text == "":
		return Reference{}, fmt.Errorf("is empty; %s", forms)
	case strings.Contains(text, "${{"):
		return Reference{}, fmt.Errorf("expressions are not evaluated here; %s", forms)
	case bad >= 0:
		return Reference{}, fmt.Errorf("%q cannot be part of it; %s", text[bad:bad+1], forms)
	case hasScheme && strings.EqualFold(scheme, "docker"):
		return parseImage(rest)
	case isLocal:
		return parseLocal(text)
	case strings.HasPrefix(text, "/"):
		return Reference{}, fmt.Errorf("is an absolute path; an action of the workspace is written ./path")
	case hasScheme && !strings.ContainsAny(scheme, "/@:"):
		return parseURL(strings.ToLower(scheme), rest)
	case isShortSSH(text):
		return parseShortSSH(text)
	}
	return parseRepository("", text, false)
}

func parseImage(image string) (Reference, error) {
	if image == "" || strings.HasPrefix(image, "-") {
		return Reference{}, fmt.Errorf("names no image; write docker://image or docker://image:tag")
	}
	return Reference{Kind: Docker, Image: image}, nil
}

func parseLocal(text string) (Reference, error) {
	clean := path.Clean(text)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return Reference{}, fmt.Errorf("leads out of the workspace; an action there cannot be used")
	}
	if clean == "." {
		clean = ""
	}
	return Reference{Kind: Local, Path: clean}, nil
}

func parseURL(scheme, rest string) (Reference, error) {
	switch scheme {
	case "http", "https", "ssh":
	default:
		return Reference{}, fmt.Errorf("actions are not fetched over %s; %s", scheme, forms)
	}
	authority, repository, _ := strings.Cut(rest, "/")
	host, err := checkAuthority(scheme, authority)
	if err != nil {
		return Reference{}, err
	}
	return parseRepository(scheme+"://"+host, repository, true)
}

// checkAuthority gives the host part as it is compared: lower case, without
// the scheme's own port.
func checkAuthority(scheme, authority string) (string, error) {
	u, err := url.Parse(scheme + "://" + authority)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is not the name of a host", excerpt(authority))
	}
	user := ""
	if u.User != nil {
		if _, set := u.User.Password(); set || scheme != "ssh" {
			return "", errCredentials
		}
		if user = u.User.Username(); !isWord(user) {
			return "", fmt.Errorf("%q is not the name of a user", excerpt(user))
		}
		user += "@"
	}
	host := strings.ToLower(u.Hostname())
	if strings.Trim(host, hostLetters) != "" || strings.HasPrefix(host, "-") {
		return "", fmt.Errorf("%q is not the name of a host", excerpt(host))
	}
	port := u.Port()
	if n, err := strconv.Atoi(port); port != "" && (err != nil || n < 1 || n > 65535) {
		return "", fmt.Errorf("%q is not a port", excerpt(port))
	}
	if port == defaultPort(scheme) {
		port = ""
	}
	if port != "" {
		return user + net.JoinHostPort(host, port), nil
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return user + host, nil
}

const hostLetters = "abcdefghijklmnopqrstuvwxyz0123456789-._:"

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return "22"
}

// isShortSSH knows user@host:path: the @ and the : come before any slash.
func isShortSSH(text string) bool {
	authority, _, found := strings.Cut(text, ":")
	return found && strings.Contains(authority, "@") && !strings.Contains(authority, "/")
}

func parseShortSSH(text string) (Reference, error) {
	authority, repository, _ := strings.Cut(text, ":")
	host, err := checkAuthority("ssh", authority)
	if err != nil {
		return Reference{}, err
	}
	return parseRepository(host+":", strings.TrimPrefix(repository, "/"), true)
}
