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
	// Timeout is the job's, and Deadline when it has passed. Whoever adopts the
	// job may have another configuration. DeadlineClock is the same moment by
	// process.Clock of this boot: nobody sets that one. 0 where there is none.
	// Programs from before have the deadline only.
	Timeout       common.Duration `json:"timeout,omitempty"`
	Deadline      time.Time       `json:"deadline"`
	DeadlineClock time.Duration   `json:"deadline_clock,omitempty"`
}

// Moment is a time as the machine's clocks have it.
type Moment struct {
	Wall  time.Time
	Boot  string        // "" when it could not be learnt
	Clock time.Duration // of process.Clock; 0 where there is none
}

// Now is the present Moment.
func Now() Moment {
	m := Moment{Wall: time.Now()}
	m.Boot, _ = process.BootID() // without it the wall clock has to do
	m.Clock, _ = process.Clock()
	return m
}

// Left is what the job has left of its timeout, negative when it has passed; ok
// is false when the file does not say. The wall clock, which may have been set
// meanwhile, is asked only when there is no other, and never believed to leave
// more than the whole timeout.
func (i Info) Left(now Moment) (left time.Duration, ok bool) {
	if i.Deadline.IsZero() {
		return 0, false
	}
	if i.DeadlineClock > 0 && now.Clock > 0 && now.Boot != "" && now.Boot == i.BootID {
		return i.DeadlineClock - now.Clock, true
	}
	left = i.Deadline.Sub(now.Wall)
	if timeout := i.Timeout.Std(); timeout > 0 {
		left = min(left, timeout)
	}
	return left, true
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
	info := Info{
		V: InfoVersion, PID: pid, Start: start, BootID: boot,
		Executor: spec.Executor, TrackingID: spec.TrackingID, Socket: socket,
		Timeout: spec.JobTimeout, Deadline: time.Now().Add(spec.JobTimeout.Std()),
	}
	if clock, ok := process.Clock(); ok {
		info.DeadlineClock = clock + spec.JobTimeout.Std()
	}
	return info, nil
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
