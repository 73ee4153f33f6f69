package shim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"multirunner/helpers/rmtree"
)

// Empty removes what is in directories, as rmtree.Remove does. They stay
// themselves: they may be what is mounted. After an error it goes on.
func Empty(dirs ...string) error {
	var faults []error
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			faults = append(faults, fmt.Errorf("empty a directory: %w", err))
		}
		for _, entry := range entries {
			if err := rmtree.Remove(filepath.Join(dir, entry.Name())); err != nil {
				faults = append(faults, err)
			}
		}
	}
	return errors.Join(faults...)
}
