package launch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multirunner/commands/job"
	"multirunner/helpers/process"
)

// sweepPatience bounds the hunt for what a dead job process left running.
const sweepPatience = 30 * time.Second

// sweep ends the processes that a dead job process left. A job process that
// came to its end has done so itself.
func (b *build) sweep() {
	info, err := job.LoadInfo(b.dirs.Job)
	if errors.Is(err, fs.ErrNotExist) {
		return // it never came to start anything
	}
	if err != nil {
		b.log.WithError(err).Error("What the job left running cannot be found")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepPatience)
	defer cancel()
	if info.Cgroup != "" {
		if err := process.KillCgroup(ctx, info.Cgroup); err != nil {
			b.log.WithError(err).Warn("Cgroup of the job not removed")
		}
	}
	killed, err := process.SweepEnv(ctx, "RUNNER_TRACKING_ID", info.TrackingID)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		b.log.WithError(err).Error("Processes of the job are left")
	}
	if killed > 0 {
		b.log.WithField("processes", killed).Info("Processes that the job left were ended")
	}
}

// lastWordsMax is how much of the job process's own output is logged.
const lastWordsMax = 4 << 10

// lastWords gives the end of what the job process said to operators: the
// file goes with the job.
func (b *build) lastWords() string {
	file, err := os.Open(filepath.Join(b.dirs.Job, outputName))
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	data, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-lastWordsMax), lastWordsMax))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(data)), "?")
}
