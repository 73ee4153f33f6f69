package common

import (
	"slices"
	"strings"
)

// IsProxy tells whether a variable of that name tells programs of a proxy.
// Both spellings are in use.
func IsProxy(name string) bool {
	return slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}, strings.ToUpper(name))
}
