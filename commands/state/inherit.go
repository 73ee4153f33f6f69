package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"multirunner/common"
	"multirunner/helpers/flock"
)

// Versions are those of the formats of this package that this program writes;
// it reads the ones before as well.
func Versions() map[string]int {
	return map[string]int{"claim": claimVersion, "credential": credentialVersion, "ended": endedVersion, "marks": marksVersion}
}

// Inherit is Open for the program that replaces the one which has the
// directory open: lock is what its Detach gave. The lock is never free in
// between. After an error lock is still the caller's.
func Inherit(root string, lock *os.File) (*Dir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	inherited, err := lock.Stat()
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	there, err := os.Stat(filepath.Join(root, lockName))
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if !os.SameFile(inherited, there) {
		return nil, fmt.Errorf("state directory %s is not the one that the runner before has served: restart the runner to change it", root)
	}
	if err := makeDirs(root, os.Geteuid() == 0); err != nil { // this version may have more
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return load(root, flock.FromFile(lock))
}

// Detach gives up the directory but for its lock, which the file keeps.
func (d *Dir) Detach() (*os.File, error) {
	return d.lock.File(), errors.Join(d.dropSpares(), d.ended.close())
}

// Foreign lists the files that this program cannot read because of their
// version, without a change and without the lock: files may come and go
// meanwhile. What only one job needs is not listed here, see job and spool.
func Foreign(root string) []error {
	var found []error
	note := func(err error) {
		var version *common.VersionError
		if errors.As(err, &version) {
			found = append(found, version)
		}
	}
	claims, _ := filepath.Glob(filepath.Join(root, "jobs", "*", claimName))
	for _, path := range claims {
		_, err := readClaim(filepath.Dir(path))
		note(err)
	}
	credentials, _ := filepath.Glob(filepath.Join(root, "credentials", "*"))
	for _, path := range credentials {
		if data, err := os.ReadFile(path); err == nil && bytes.HasPrefix(data, []byte("{")) {
			note(common.DecodeVersioned(path, data, credentialVersion, new(credentialFile)))
		}
	}
	d := &Dir{root: root}
	for _, name := range []string{pausedName, spentName} {
		_, err := d.marked(name)
		note(err)
	}
	note(checkEnded(filepath.Join(root, "ended")))
	return found
}

// checkEnded looks at the version in the first line of the list.
func checkEnded(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	number, isVersion := strings.CutPrefix(line, "v")
	if !isVersion {
		return nil
	}
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	return common.CheckVersion(path, version, endedVersion)
}
