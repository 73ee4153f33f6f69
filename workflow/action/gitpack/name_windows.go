package gitpack

import (
	"path/filepath"
	"strings"
)

// validHere refuses separators, streams and the names of devices.
func validHere(name string) bool {
	return filepath.IsLocal(name) && !strings.ContainsAny(name, `\:*?"<>|`) && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, " ")
}
