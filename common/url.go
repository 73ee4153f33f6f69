package common

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// NormalizeURL gives the form of an instance's URL that is compared and
// hashed: scheme and host in lower case, no default port, no trailing slash,
// no query. A text that is no URL is returned without trailing slashes.
func NormalizeURL(text string) string {
	trimmed := strings.TrimRight(strings.TrimSpace(text), "/")
	u, err := url.Parse(trimmed)
	if err != nil || u.Host == "" {
		return trimmed
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath, u.RawQuery, u.Fragment, u.User = "", "", "", nil
	return u.String()
}

// ServerHash names a server in paths: 12 hex digits of its normalised URL.
func ServerHash(instanceURL string) string {
	sum := sha256.Sum256([]byte(NormalizeURL(instanceURL)))
	return hex.EncodeToString(sum[:6])
}
