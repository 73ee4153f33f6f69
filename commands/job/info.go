package job

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"multirunner/common"
	"multirunner/helpers/atomicfile"
	"multirunner/helpers/process"
)

// InfoVersion is the version of job.json that this program writes; it reads
// this one and the one before.
const InfoVersion = 1

// InfoName is the file's name in a job directory.
const InfoName = "job.json"

// Info is job.json: what the next supervisor needs to find a job's processes,
// written before anything else happens in the job process.
type Info struct {
	V          int    `json:"v"`
	PID        int    `json:"pid"`
	Start      uint64 `json:"start"`
	BootID     string `json:"boot_id"`
	Executor   string `json:"executor"`
	TrackingID string `json:"tracking_id"`
	Cgroup     string `json:"cgroup,omitempty"`
	Socket     string `json:"socket"`
	// Deadline is when the job's timeout has passed. Whoever adopts the job
	// may have another configuration.
	Deadline time.Time `json:"deadline"`
}

// newInfo describes this process, which runs the spec's job.
func newInfo(spec *common.JobSpec, socket string) (Info, error) {
	pid := os.Getpid()
	start, err := process.StartTime(pid)
	if err != nil {
		return Info{}, fmt.Errorf("start time of this process: %w", err)
	}
	boot, err := process.BootID()
	if err != nil {
		return Info{}, fmt.Errorf("boot id: %w", err)
	}
	return Info{
		V: InfoVersion, PID: pid, Start: start, BootID: boot,
		Executor: spec.Executor, TrackingID: spec.TrackingID, Socket: socket,
		Deadline: time.Now().Add(spec.JobTimeout.Std()),
	}, nil
}

// store writes the file into a job directory.
func (i Info) store(dir string) error {
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return atomicfile.WriteNoSync(filepath.Join(dir, InfoName), data, 0o600)
}

// LoadInfo reads the file of a job directory. The error satisfies
// errors.Is(err, fs.ErrNotExist) when the job process has not come to write it,
// and is a *common.VersionError for a version that this program does not read.
func LoadInfo(dir string) (Info, error) {
	path := filepath.Join(dir, InfoName)
	data, err := os.ReadFile(path)
	if err != nil {
		return Info{}, err
	}
	var info Info
	if err := common.DecodeVersioned(path, data, InfoVersion, &info); err != nil {
		return Info{}, err
	}
	return info, nil
}
