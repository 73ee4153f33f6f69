package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
)

// FileName and SentName are the files of a job directory that belong to this
// package.
const (
	FileName = "spool"
	SentName = "sent"
)

// Sent is how far a spool is delivered. It is a hint that may lag behind what
// the server has: everything may be sent again. The zero value means nothing.
type Sent struct {
	V int `json:"v"`
	// Offset: everything before it is delivered. Rows is the number of rows
	// before it, State the task's state there (runner.v1.TaskState, empty
	// before the first).
	Offset int64  `json:"offset"`
	Rows   int64  `json:"rows"`
	State  []byte `json:"state,omitempty"`
	// Outputs are the names of all outputs that are dealt with; Summaries the
	// offsets of those summaries behind Offset that are.
	Outputs   []string `json:"outputs,omitempty"`
	Summaries []int64  `json:"summaries,omitempty"`
	LogClosed bool     `json:"log_closed,omitempty"` // no_more is acknowledged
	Final     bool     `json:"final,omitempty"`      // the final state is
	// Failing is how long it has been tried, without a success, by runners that
	// ran.
	Failing time.Duration `json:"failing,omitempty"`
}

const sentVersion = 1

// LoadSent reads what StoreSent wrote. No file gives the zero value and no
// error; a file that cannot be read or decoded gives the zero value and one, a
// *common.VersionError when another version of this program wrote it.
func LoadSent(dir string) (Sent, error) {
	path := filepath.Join(dir, SentName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Sent{}, nil
	}
	if err != nil {
		return Sent{}, err
	}
	var sent Sent
	if err := common.DecodeVersioned(path, data, sentVersion, &sent); err != nil {
		return Sent{}, err
	}
	if sent.Offset < 0 || sent.Rows < 0 {
		return Sent{}, fmt.Errorf("%s: offset %d, rows %d: not what this program writes", path, sent.Offset, sent.Rows)
	}
	return sent, nil
}

// StoreSent replaces the file in one step, 0600, without a sync: after a power
// failure it may be an older one.
func StoreSent(dir string, sent Sent) error {
	sent.V = sentVersion
	data, err := json.Marshal(sent)
	if err != nil {
		return err
	}
	return atomicfile.WriteNoSync(filepath.Join(dir, SentName), append(data, '\n'), 0o600)
}
