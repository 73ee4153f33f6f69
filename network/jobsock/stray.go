package jobsock

import (
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix begins the names of the directories for sockets whose own path
// is too long.
const tempPrefix = "runner-job-"

// RemoveStray removes a socket that a killed job process left outside of its
// directory. Sockets inside go with the directory: it leaves them alone.
func RemoveStray(path string) error {
	dir := filepath.Dir(path)
	if path == "" || !strings.HasPrefix(filepath.Base(dir), tempPrefix) {
		return nil
	}
	return os.RemoveAll(dir)
}
