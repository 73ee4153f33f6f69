package upgrade

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"multirunner/commands/control"
	"multirunner/commands/job"
	"multirunner/commands/state"
	"multirunner/common"
	"multirunner/network/jobsock"
	"multirunner/network/spool"
)

// handoverVersion is the version of what one program tells the next in its
// environment.
const handoverVersion = 1

// Formats are the versions of all that two programs may exchange, as this one
// writes them. It reads the ones before, too.
func Formats() map[string]int {
	formats := map[string]int{
		"handover": handoverVersion, "control": control.Version, "job.json": job.InfoVersion, "jobsock": jobsock.Version,
		"jobspec": common.JobSpecVersion, "spool": spool.Version, "sent": spool.SentVersion,
	}
	maps.Copy(formats, state.Versions())
	return formats
}

// Foreign lists the files in a state directory that this program cannot read
// because of their version. It changes nothing.
func Foreign(root string) []string {
	found := state.Foreign(root)
	dirs, _ := filepath.Glob(filepath.Join(root, "jobs", "*"))
	for _, dir := range dirs {
		_, err := job.LoadInfo(dir)
		for _, err := range []error{err, spool.Foreign(dir)} {
			var version *common.VersionError
			if errors.As(err, &version) {
				found = append(found, version)
			}
		}
	}
	var texts []string
	for _, err := range found {
		texts = append(texts, err.Error())
	}
	return texts
}

// compatible tells whether a program that writes the other formats reads what
// this one writes.
func compatible(ours, theirs map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		mine, other := ours[name], theirs[name]
		switch {
		case other == 0:
			return fmt.Errorf("it does not know the format %s, which this runner writes", name)
		case mine > other:
			return fmt.Errorf("it reads the format %s up to version %d, and this runner writes %d: it is older", name, other, mine)
		case mine < other-1:
			return fmt.Errorf("it reads the format %s from version %d on, and this runner writes %d: upgrade to a version in between first", name, other-1, mine)
		}
	}
	return nil
}
