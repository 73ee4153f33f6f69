package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
)

const (
	// marksVersion is the version of the files of marks; this program reads
	// this one and the one before.
	marksVersion = 1
	// marksMax is how many registrations a file remembers, the last ones.
	marksMax = 10_000

	pausedName = "paused"
	spentName  = "spent"
)

// marks is a file that names registrations.
type marks struct {
	V             int      `json:"v"`
	Registrations []marked `json:"registrations"`
}

type marked struct {
	URL  string `json:"url"`
	UUID string `json:"uuid"`
}

// Paused gives the registrations that are not to be polled for now.
func (d *Dir) Paused() ([]common.RegistrationID, error) { return d.marked(pausedName) }

// SetPaused replaces them. A file of a version that this program does not read
// is left, with an error.
func (d *Dir) SetPaused(ids []common.RegistrationID) error {
	var version *common.VersionError
	if _, err := d.marked(pausedName); errors.As(err, &version) {
		return err
	}
	return d.mark(pausedName, ids)
}

// Spent gives the ephemeral registrations that have had their job.
func (d *Dir) Spent() ([]common.RegistrationID, error) {
	d.marking.Lock()
	defer d.marking.Unlock()
	return d.marked(spentName)
}

// AddSpent remembers that an ephemeral registration has had its job. When it
// returns, that is on disk and synced.
func (d *Dir) AddSpent(id common.RegistrationID) error {
	d.marking.Lock()
	defer d.marking.Unlock()
	ids, err := d.marked(spentName)
	if err != nil || slices.Contains(ids, id) {
		return err
	}
	return d.mark(spentName, append(ids, id))
}

func (d *Dir) marked(name string) ([]common.RegistrationID, error) {
	path := filepath.Join(d.root, name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s registrations: %w", name, err)
	}
	var m marks
	err = common.DecodeVersioned(path, data, marksVersion, &m)
	var version *common.VersionError
	if errors.As(err, &version) {
		return nil, fmt.Errorf("%s registrations: %w", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s registrations: %w: remove the file", name, err)
	}
	ids := make([]common.RegistrationID, 0, len(m.Registrations))
	for _, r := range m.Registrations {
		ids = append(ids, common.RegistrationID{URL: r.URL, UUID: r.UUID})
	}
	return ids, nil
}

func (d *Dir) mark(name string, ids []common.RegistrationID) error {
	m := marks{V: marksVersion, Registrations: []marked{}}
	for _, id := range ids[max(0, len(ids)-marksMax):] {
		m.Registrations = append(m.Registrations, marked{URL: id.URL, UUID: id.UUID})
	}
	data, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = atomicfile.Write(filepath.Join(d.root, name), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("%s registrations: %w", name, err)
	}
	return nil
}
