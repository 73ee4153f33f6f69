package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"multirunner/helpers/atomicfile"
)

const instanceName = "instance"

// Instance is the identity of the state directory: what is made outside of it
// for jobs, in a container engine, is marked with it. It is made when there is
// none; made says so: then nothing can be marked with it yet.
func (d *Dir) Instance() (id string, made bool, err error) {
	path := filepath.Join(d.root, instanceName)
	data, err := os.ReadFile(path)
	if err == nil {
		if id = strings.TrimSpace(string(data)); uuid.Validate(id) == nil {
			return id, false, nil
		}
		// A disk that was full may have left it empty.
		return "", false, fmt.Errorf("%s: it does not hold an identity: remove the file, and look for containers with the label multirunner.instance by hand", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	id = uuid.NewString()
	if err := atomicfile.Write(path, []byte(id+"\n"), 0o600); err != nil {
		return "", false, fmt.Errorf("identity of the state directory: %w", err)
	}
	return id, true, nil
}
